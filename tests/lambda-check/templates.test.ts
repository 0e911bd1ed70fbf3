import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseTemplate } from '../../config/cloud-template.js'
import { readServerless } from '../../src/lambda-check/from-serverless.js'
import { readFunctions } from '../../src/lambda-check/from-template.js'
import { Template } from '../../src/lambda-check/intrinsics.js'
import { checkFunction } from '../../src/lambda-check/rules.js'
import type { FunctionSetup } from '../../src/lambda-check/setup.js'
import { setupWith } from './setups.js'

async function readSetups(text: string, given: Readonly<Record<string, string>> = {}) {
  const { tree, problems } = await parseTemplate(text, 'template.yaml')
  assert.deepEqual(problems, [])
  const found = text.includes('\nfunctions:')
    ? readServerless(tree, '/nowhere')
    : readFunctions(new Template(tree, new Map(Object.entries(given))), tree, '/nowhere')
  const { workers } = setupWith()
  return found.map(({ setup }): FunctionSetup => ({ ...setup, workers }))
}

/** `LINE:COLUMN severity rule` of each finding, without notes of defaults. */
function briefly(setups: readonly FunctionSetup[]): string[] {
  return setups.flatMap(checkFunction).map(({ at, severity, rule }) => {
    return `${at?.line}:${at?.column} ${severity} ${rule}`
  })
}

const sam = `
Transform: AWS::Serverless-2016-10-31
Parameters:
  Hidden: { Type: Number, Default: 60 }
  Stage: { Type: String, Default: dev }
  Secret: { Type: String }
Conditions:
  IsProd: !Equals [!Ref Stage, prod]
  IsUnknown: !Equals [!Ref Secret, x]
Mappings:
  Sizes: { dev: { batch: 20 }, prod: { batch: 10 } }
Globals:
  Function:
    Runtime: provided.al2023
    Timeout: 20
Resources:
  Worker:
    Type: AWS::Serverless::Function
    Properties:
      Handler: worker.php
      MemorySize: 1769
      CodeUri: s3://bucket/key
      Events:
        Jobs:
          Type: SQS
          Properties:
            Queue: !GetAtt Queue.Arn
            BatchSize: !FindInMap [Sizes, !Ref Stage, batch]
            FunctionResponseTypes: !If [IsProd, [ReportBatchItemFailures], !Ref AWS::NoValue]
        Off:
          Type: SQS
          Properties: { Queue: !GetAtt Queue.Arn, Enabled: false }
        Elsewhere:
          Type: SQS
          Properties:
            Queue: !ImportValue OtherQueue
            FunctionResponseTypes: [!If [IsUnknown, ReportBatchItemFailures, !Ref AWS::NoValue]]
        Web: { Type: Api, Properties: { Path: /, Method: get } }
  Queue:
    Type: AWS::SQS::Queue
    Properties:
      VisibilityTimeout: !Ref Hidden
      RedrivePolicy:
        deadLetterTargetArn: !Sub "arn:aws:sqs:\${AWS::Region}:\${AWS::AccountId}:\${Stage}-dead.fifo"
        maxReceiveCount: 3
`

test('a SAM template: globals, parameters, conditions, mappings and references are followed', async () => {
  assert.deepEqual(briefly(await readSetups(sam)), [
    '24:9 error failures-ignored',
    '28:35 error batch-window',
    '44:35 error dead-letters-type',
    '42:31 warning visibility-short',
    '45:26 warning receive-count',
    '33:9 note queue-unread',
  ])
})

test('parameters that are given beat their defaults', async () => {
  const found = briefly(await readSetups(sam, { Stage: 'prod', Hidden: '19' }))
  assert.ok(!found.some((line) => /failures-ignored|batch-window/.test(line)), found.join())
  assert.ok(found.includes('42:31 error visibility-under-timeout'), found.join())
})

const cloudFormation = JSON.stringify(
  {
    Resources: {
      Worker: {
        Type: 'AWS::Lambda::Function',
        Properties: {
          Runtime: 'provided.al2',
          Handler: 'x',
          Timeout: '30',
          MemorySize: 128,
          ReservedConcurrentExecutions: 5,
          LoggingConfig: { LogFormat: 'Text' },
          Code: { S3Bucket: 'b', S3Key: 'k' },
        },
      },
      Live: { Type: 'AWS::Lambda::Alias', Properties: { FunctionName: { Ref: 'Worker' }, Name: 'live' } },
      FromQueue: {
        Type: 'AWS::Lambda::EventSourceMapping',
        Properties: {
          FunctionName: { Ref: 'Live' },
          EventSourceArn: { 'Fn::Join': [':', ['arn:aws:sqs', { Ref: 'AWS::Region' }, '1', 'orders.fifo']] },
          BatchSize: 11,
          MaximumBatchingWindowInSeconds: 5,
          FunctionResponseTypes: ['ReportBatchItemFailures'],
        },
      },
      FromStream: {
        Type: 'AWS::Lambda::EventSourceMapping',
        Properties: {
          FunctionName: { 'Fn::Sub': '${Worker.Arn}' },
          EventSourceArn: { 'Fn::GetAtt': ['Table', 'StreamArn'] },
          StartingPosition: 'LATEST',
        },
      },
      Table: { Type: 'AWS::DynamoDB::Table' },
      Orders: {
        Type: 'AWS::SQS::Queue',
        Properties: { QueueName: 'orders.fifo', FifoQueue: true, VisibilityTimeout: 300 },
      },
    },
  },
  undefined,
  2,
)

test('CloudFormation in JSON: mappings as resources, behind an alias, queues by name', async () => {
  const setups = await readSetups(cloudFormation)
  const rules = setups.flatMap(checkFunction).map(({ severity, rule }) => `${severity} ${rule}`)
  assert.deepEqual(rules, [
    'error runtime-old',
    'error fifo-batch',
    'error fifo-window',
    'error failures-ignored',
    'warning workers-memory',
    'warning reserved-concurrency',
    'warning no-redrive',
    'warning stream-retries',
    'note log-format',
  ])
  assert.ok(setups.flatMap(checkFunction).every(({ at }) => at !== undefined && at.line > 1))
})

const serverless = `
service: shop
custom:
  timeout: 40
  defaults: &defaults { batchSize: 10, functionResponseType: ReportBatchItemFailures }
provider:
  name: aws
  runtime: provided.al2023
  timeout: \${self:custom.timeout}
functions:
  worker:
    handler: worker.php
    timeout: \${self:custom.slow, 50}
    events:
      - httpApi: "*"
      - sqs: { <<: *defaults, arn: !GetAtt Queue.Arn, batchSize: 50 }
      - sqs: arn:aws:sqs:\${aws:region}:1:shop-\${sls:stage}
      - stream: { type: kinesis, arn: !ImportValue Stream, functionResponseType: ReportBatchItemFailures }
      - schedule: rate(1 hour)
  other:
    handler: other.php
    memorySize: \${env:MEMORY}
resources:
  - Resources:
      Queue: { Type: AWS::SQS::Queue, Properties: { VisibilityTimeout: 300 } }
  - Resources:
      Named: { Type: AWS::SQS::Queue, Properties: { QueueName: "shop-\${sls:stage}", VisibilityTimeout: 30 } }
`

test('serverless.yml: variables of its own, merge keys, events and resources', async () => {
  const setups = await readSetups(serverless)
  const [worker, other] = setups
  assert.deepEqual(
    [worker?.timeoutSeconds?.value, other?.timeoutSeconds?.value, other?.memoryMb, worker?.memoryMb?.value],
    [50, 40, undefined, 1024],
  )
  assert.deepEqual(
    briefly(setups).filter((line) => !line.includes('bootstrap')),
    [
      '16:66 error batch-window',
      '17:9 error failures-ignored',
      '27:104 error visibility-under-timeout',
      '13:14 warning gateway-timeout',
      '25:7 warning no-redrive',
      '27:7 warning no-redrive',
      '18:9 warning stream-retries',
    ],
  )
})

test('what cannot be known is not a fact, and circles end', async () => {
  const [setup] = await readSetups(`
Conditions: { A: !Condition B, B: !Condition A }
Resources:
  F:
    Type: AWS::Serverless::Function
    Properties:
      Timeout: !If [A, 1, 2]
      MemorySize: !Ref Nowhere
      Runtime: !Select [0, [a]]
      PackageType: !ImportValue x
      Handler: !Ref AWS::StackName
      Events: { Q: { Type: SQS, Properties: { Queue: !Ref Nowhere, BatchSize: many } } }
`)
  assert.deepEqual(
    [setup?.timeoutSeconds, setup?.memoryMb, setup?.runtime, setup?.packageType, setup?.handler],
    [undefined, undefined, undefined, undefined, undefined],
  )
  assert.equal(setup?.mappings[0]?.batchSize, undefined)
})
