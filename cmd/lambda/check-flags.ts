/** The options of `rr lambda check`, with the numbers each takes: anything else is wrong usage. */
import { type Command, InvalidArgumentError, Option } from 'commander'

/** Adds these options to the command. */
export function withCheckFlags(command: Command): Command {
  const number = (flag: string, what: string, min: number, max: number) =>
    command.addOption(new Option(flag, what).argParser((text) => wholeNumber(text, min, max)))
  command
    .option('-t, --template <file>', 'SAM, CloudFormation or serverless.yml (else the one in this folder)')
    .option('--parameter <name=value>', 'a value for a parameter of the template', collect, [])
    .option('--function <name>', 'a function of the template; without a template, one deployed on AWS')
    .option('--region <region>', 'region of the deployed function')
    .option('--json', 'one JSON document on standard output')
  number('--timeout <seconds>', 'timeout of the function', 0, 1_000_000)
  number('--memory <mb>', 'memory of the function', 0, 1_000_000)
  number('--reserved-concurrency <n>', 'reserved concurrency of the function', 0, 1_000_000)
  command
    .option('--runtime <name>', 'runtime of the function, such as provided.al2023')
    .option('--handler <name>', 'handler of the function')
    .addOption(new Option('--log-format <format>', 'log format of the function').choices(['JSON', 'Text']))
    .option('--api-gateway', 'an API Gateway calls the function')
    .addOption(
      new Option('--source <kind>', 'source of the batches').choices(['sqs', 'kinesis', 'dynamodb', 'kafka']),
    )
  number('--batch-size <n>', 'records of a batch', 0, 1_000_000)
  number('--window <seconds>', 'batching window', 0, 1_000_000)
  number('--maximum-concurrency <n>', 'batches of the queue at once', 0, 1_000_000)
  command
    .option('--provisioned', 'the mapping is in provisioned mode')
    .option('--no-provisioned', 'the mapping is not in provisioned mode')
    .option('--report-batch-item-failures', 'the mapping has ReportBatchItemFailures')
    .option('--no-report-batch-item-failures', 'the mapping does not have it')
    .option('--fifo', 'the queue is FIFO')
    .option('--no-fifo', 'the queue is a standard queue')
  number('--visibility <seconds>', 'visibility timeout of the queue', 0, 43_200)
  number('--max-receive-count <n>', 'receives before a message is dead-lettered', 1, 1000)
  return command
    .option('--dead-letters <name>', 'name or ARN of the dead-letter queue')
    .option('--no-redrive', 'the queue has no dead-letter queue')
}

function wholeNumber(text: string, min: number, max: number): number {
  const value = Number(text)
  if (/^\d+$/.test(text) && value >= min && value <= max) return value
  throw new InvalidArgumentError(`It takes a whole number from ${min} to ${max}.`)
}

function collect(value: string, earlier: readonly string[]): readonly string[] {
  if (!/^\w+=/.test(value)) throw new InvalidArgumentError('It takes NAME=VALUE.')
  return [...earlier, value]
}
