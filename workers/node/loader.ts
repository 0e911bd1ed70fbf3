/**
 * Runs an ordinary Lambda handler file unchanged: `node loader.js index.handler`, or `_HANDLER`, from LAMBDA_TASK_ROOT or the
 * working directory. ESM and CommonJS, promises and callbacks. A record of a split batch becomes an event of one record.
 */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { JobContext } from './context.js'
import { retry, serve } from './index.js'

type LambdaHandler = (
  event: unknown,
  context: object,
  callback: (error: unknown, result?: unknown) => void,
) => unknown

/** What ordinary handlers know as `context`. */
export function lambdaContext(job: JobContext): object {
  return {
    functionName: job.functionName,
    functionVersion: job.functionVersion,
    invokedFunctionArn: job.invokedFunctionArn,
    memoryLimitInMB: job.memoryLimitInMB === null ? null : String(job.memoryLimitInMB),
    awsRequestId: job.awsRequestId,
    logGroupName: process.env.AWS_LAMBDA_LOG_GROUP_NAME ?? null,
    logStreamName: process.env.AWS_LAMBDA_LOG_STREAM_NAME ?? null,
    clientContext: job.clientContext ?? undefined,
    identity: job.identity ?? undefined,
    tenantId: job.tenantId ?? undefined,
    callbackWaitsForEmptyEventLoop: true,
    getRemainingTimeInMillis: () => Math.max(0, job.remainingMs()),
  }
}

async function loadHandler(name: string, folder: string): Promise<LambdaHandler> {
  const slash = name.lastIndexOf('/')
  const dot = name.indexOf('.', slash + 1)
  const [path, exported] = dot < 0 ? [name, 'handler'] : [name.slice(0, dot), name.slice(dot + 1)]
  const file = ['.mjs', '.js', '.cjs'].map((end) => join(folder, path + end)).find((one) => existsSync(one))
  if (file === undefined)
    throw new Error(`Runtime.ImportModuleError: no ${path}.mjs, .js or .cjs in ${folder}`)
  const module: Record<string, unknown> = await import(pathToFileURL(file).href)
  const found = [module, module.default]
    .map((root) => exported.split('.').reduce(member, root))
    .find(isFunction)
  if (found === undefined)
    throw new Error(`Runtime.HandlerNotFound: ${file} exports no function "${exported}"`)
  return found
}

function member(value: unknown, key: string): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, key) : undefined
}

function isFunction(value: unknown): value is LambdaHandler {
  return typeof value === 'function'
}

/** Calls a handler that may answer by a promise, by its callback, or by returning. */
function call(handler: LambdaHandler, event: unknown, context: object): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const callback = (error: unknown, result?: unknown) => (error == null ? resolve(result) : reject(error))
    const returned = handler(event, context, callback)
    if (isThenable(returned)) returned.then(resolve, reject)
    // Two parameters and no promise: what was returned is the answer. With three, the callback is waited for.
    else if (handler.length < 3) resolve(returned)
  })
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function'
}

/** The event of a record: a batch of one, with the body back in its place. */
function batchOfOne(body: Buffer, { source, record }: JobContext): unknown {
  if (source === 'aws:dynamodb') return { Records: [JSON.parse(body.toString('utf8'))] }
  if (source !== 'aws:kinesis') return { Records: [{ ...record, body: body.toString('utf8') }] }
  const kinesis = member(record, 'kinesis')
  const data = body.toString('base64')
  return { Records: [{ ...record, kinesis: { ...(typeof kinesis === 'object' ? kinesis : {}), data } }] }
}

function namesFailures(result: unknown): boolean {
  const failures = member(result, 'batchItemFailures')
  return Array.isArray(failures) && failures.length > 0
}

async function main(): Promise<void> {
  const name = process.argv[2] ?? process.env._HANDLER ?? ''
  const handler = await loadHandler(name, process.env.LAMBDA_TASK_ROOT ?? process.cwd())
  await serve(async (body, job) => {
    if (job.traceId !== null) process.env._X_AMZN_TRACE_ID = job.traceId
    const isRecord = job.kind === 'record'
    const text = body.toString('utf8')
    const event = isRecord ? batchOfOne(body, job) : text === '' ? undefined : JSON.parse(text)
    const result = await call(handler, event, lambdaContext(job))
    if (isRecord && namesFailures(result)) return retry('the handler named the record in batchItemFailures')
    // A text is a JSON value, too: `"ok"` and not `ok`.
    return JSON.stringify(result ?? null)
  })
}

main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`)
  process.exit(1)
})
