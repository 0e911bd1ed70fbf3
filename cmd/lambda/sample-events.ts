/** The sample events of `rr invoke --event NAME`: files of the package, shaped as the services send them. */
import { readFileSync } from 'node:fs'
import { nearestName } from '../../config/validation/nearest.js'
import { packageFile } from '../../src/core/package-files.js'

const events: readonly (readonly [name: string, file: string, about: string])[] = [
  ['sqs', '01-sqs-standard', 'messages of a standard queue'],
  ['sqs-fifo', '04-sqs-fifo', 'messages of a FIFO queue, in groups'],
  ['api-gateway', '07-api-gateway-v2', 'an HTTP request, payload format 2.0'],
  ['api-gateway-v1', '06-api-gateway-v1', 'an HTTP request, payload format 1.0'],
  ['function-url', '08-function-url', 'an HTTP request to a function URL'],
  ['alb', '09-alb', 'an HTTP request through an Application Load Balancer'],
  ['sns', '10-sns', 'a notification'],
  ['s3', '11-s3', 'an object was created in a bucket'],
  ['eventbridge', '12-eventbridge', 'an event of a bus'],
  ['kinesis', '13-kinesis', 'records of a stream'],
  ['dynamodb', '14-dynamodb', 'changes of a table'],
]

/** Names that others have for them, for messages. */
const otherNames: Readonly<Record<string, string>> = {
  http: 'api-gateway',
  api: 'api-gateway',
  apigw: 'api-gateway',
  apigateway: 'api-gateway',
  apigatewayv2: 'api-gateway',
  rest: 'api-gateway-v1',
  elb: 'alb',
  url: 'function-url',
  queue: 'sqs',
  fifo: 'sqs-fifo',
  topic: 'sns',
  bucket: 's3',
  stream: 'kinesis',
  ddb: 'dynamodb',
  cron: 'eventbridge',
  schedule: 'eventbridge',
  cloudwatch: 'eventbridge',
}

/** Returns the event of this name; a string is the reason why there is none. */
export function sampleEvent(name: string): Buffer | string {
  const found = events.find(([one]) => one === name)
  if (found !== undefined) return readFileSync(packageFile(`examples/events/${found[1]}.json`))
  const names = events.map(([one]) => one)
  const nearest = (Object.hasOwn(otherNames, name) ? otherNames[name] : undefined) ?? nearestName(name, names)
  const question = nearest === undefined ? '' : `, did you mean "${nearest}"?`
  return `there is no sample event ${JSON.stringify(name)}${question}`
}

/** One line for each event: its name and what it is. */
export function sampleEventList(): string {
  const width = Math.max(...events.map(([name]) => name.length))
  return events.map(([name, , about]) => `${name.padEnd(width)}  ${about}\n`).join('')
}
