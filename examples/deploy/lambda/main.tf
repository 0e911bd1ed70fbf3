# A function that consumes an SQS queue, with its dead letters: terraform init && terraform apply
# relayrunner-layer.zip is the layer for the function's architecture; function.zip is made of the folder `function`.
terraform {
  required_version = ">= 1.5"
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.0"
    }
    archive = {
      source  = "hashicorp/archive"
      version = ">= 2.4"
    }
  }
}

variable "name" {
  type    = string
  default = "orders"
}

variable "timeout_seconds" {
  type    = number
  default = 30
}

data "archive_file" "function" {
  type        = "zip"
  source_dir  = "${path.module}/function"
  output_path = "${path.module}/function.zip"
}

resource "aws_lambda_layer_version" "relayrunner" {
  layer_name               = "relayrunner"
  filename                 = "${path.module}/relayrunner-layer.zip"
  source_code_hash         = filebase64sha256("${path.module}/relayrunner-layer.zip")
  compatible_runtimes      = ["provided.al2023"]
  compatible_architectures = ["arm64"]
}

resource "aws_lambda_function" "this" {
  function_name    = var.name
  role             = aws_iam_role.function.arn
  runtime          = "provided.al2023"
  architectures    = ["arm64"]
  handler          = "worker"
  filename         = data.archive_file.function.output_path
  source_code_hash = data.archive_file.function.output_base64sha256
  layers           = [aws_lambda_layer_version.relayrunner.arn]
  # Above 1,769 MB the function has more than one vCPU, and the workers share them.
  memory_size = 1769
  timeout     = var.timeout_seconds

  logging_config {
    log_format = "JSON"
  }
}

resource "aws_sqs_queue" "orders" {
  name = var.name
  # Six times the function's timeout: AWS's own recommendation.
  visibility_timeout_seconds = var.timeout_seconds * 6
  redrive_policy = jsonencode({
    deadLetterTargetArn = aws_sqs_queue.dead_letters.arn
    maxReceiveCount     = 5
  })
}

resource "aws_sqs_queue" "dead_letters" {
  name                      = "${var.name}-dead"
  message_retention_seconds = 1209600
}

resource "aws_lambda_event_source_mapping" "orders" {
  event_source_arn = aws_sqs_queue.orders.arn
  function_name    = aws_lambda_function.this.arn
  batch_size       = 10
  # Without it Lambda ignores the list of failed records and deletes all records.
  function_response_types = ["ReportBatchItemFailures"]

  # Not reserved concurrency: throttled batches would use up maxReceiveCount without running.
  scaling_config {
    maximum_concurrency = 10
  }
}

resource "aws_iam_role" "function" {
  name = "${var.name}-function"
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Action    = "sts:AssumeRole"
      Effect    = "Allow"
      Principal = { Service = "lambda.amazonaws.com" }
    }]
  })
}

resource "aws_iam_role_policy_attachment" "logs" {
  role       = aws_iam_role.function.name
  policy_arn = "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"
}

resource "aws_iam_role_policy" "queue" {
  name = "queue"
  role = aws_iam_role.function.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect = "Allow"
      # The last one is for `lambda.retry`: the wait that a worker asks for.
      Action   = ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ChangeMessageVisibility"]
      Resource = aws_sqs_queue.orders.arn
    }]
  })
}

output "queue_url" {
  value = aws_sqs_queue.orders.url
}

output "dead_letters_url" {
  value = aws_sqs_queue.dead_letters.url
}
