/**
 * The worker SDK for Node: `import { serve } from 'relayrunner/worker'`. Speaks Goridge to the server over the relay that
 * RR_RELAY names; one job at a time, in order. No packages, so that a worker boots fast.
 */
import { pidReply } from '../../src/ipc/control.js'
import { type Frame, FrameFlag } from '../../src/ipc/frame.js'
import type { Relay } from '../../src/ipc/relay.js'
import { connectRelay } from './connect.js'
import { type JobContext, readContext } from './context.js'
import { featuresOf, type HookMessage, type Hooks, runHook } from './hooks.js'
import { Reply } from './reply.js'
import { listenForStack } from './stack.js'
import { isStream, StreamTurns, sendStream } from './stream.js'
import { Verdict } from './verdict.js'

export type { JobContext } from './context.js'
export type { Hooks } from './hooks.js'
export { type Reply, reply } from './reply.js'
export { fail, retry, stop, type Verdict } from './verdict.js'

/**
 * Handles one job. What it returns is the result: bytes and texts as they are, a `reply(…)` with its context, an async generator or
 * a readable stream piece by piece (where the server takes streams), else JSON.
 */
export type Handler = (body: Buffer, context: JobContext) => unknown

const stackLinesMax = 50

/**
 * Serves jobs until the server says stop or goes; then the process exits with 0. `hooks` are called between jobs. Rejects when the
 * relay cannot be reached.
 */
export async function serve(handler: Handler, hooks: Hooks = {}): Promise<void> {
  const relay = await connectRelay(process.env.RR_RELAY ?? 'pipes')
  const turns = new StreamTurns()
  let jobs = Promise.resolve()
  let busyCount = 0
  const features = [...listenForStack(() => busyCount > 0), ...featuresOf(hooks)]
  relay.read({
    junk: (bytes) => log('warn', 'the server sent bytes that are no frame', { bytes: bytes.length }),
    closed: () => process.exit(0),
    frame: (frame) => {
      if (frame.stream !== 0) {
        turns.take(frame.stream)
        return
      }
      if ((frame.flags & FrameFlag.control) !== 0) {
        jobs = onControl(relay, frame, { hooks, features }, jobs)
        return
      }
      const contextBytes = frame.options[0] ?? 0
      const payload = Buffer.from(frame.payload)
      const job = {
        context: payload.subarray(0, contextBytes),
        body: payload.subarray(contextBytes),
        flags: frame.flags,
      }
      busyCount += 1
      jobs = jobs
        .then(() => runJob(relay, turns, handler, job))
        .finally(() => {
          busyCount -= 1
        })
    },
  })
}

/** Writes one line of JSON to standard error, where the server makes it a line of its own log. */
export function log(level: 'debug' | 'info' | 'warn' | 'error', message: string, fields: object = {}): void {
  process.stderr.write(`${JSON.stringify({ level, message, ...fields })}\n`)
}

/** In its turn among the jobs; resolves when it is done. */
function onControl(
  relay: Relay,
  frame: Frame,
  { hooks, features }: { readonly hooks: Hooks; readonly features: readonly string[] },
  jobs: Promise<void>,
): Promise<void> {
  const message: HookMessage & { readonly stop?: unknown; readonly pid?: unknown } = JSON.parse(
    frame.payload.toString('utf8'),
  )
  if (message.stop === true) return jobs.then(() => process.exit(0))
  if (message.pid === undefined) {
    const answered = { ...frame, payload: Buffer.from(frame.payload) }
    const onFault = (error: unknown) => log('error', 'the hook onThaw failed', { error: errorText(error) })
    return jobs.then(() => runHook(relay, hooks, message, answered)).catch(onFault)
  }
  relay.send(pidReply({ pid: process.pid, features }))
  return jobs
}

async function runJob(
  relay: Relay,
  turns: StreamTurns,
  handler: Handler,
  job: { readonly context: Buffer; readonly body: Buffer; readonly flags: number },
): Promise<void> {
  try {
    const result = await handler(job.body, readContext(job.context))
    if (result instanceof Verdict) throw result
    const isReply = result instanceof Reply
    const head = isReply ? JSON.stringify(result.context) : ''
    const body: unknown = isReply ? result.body : result
    if (isStream(body)) await sendStream(relay, turns, { flags: job.flags, head, body, encode })
    else relay.send({ flags: job.flags, options: 'head', head, body: encode(body) })
  } catch (error) {
    if (error instanceof Verdict) {
      relay.send({ flags: job.flags, options: 'head', head: JSON.stringify(error.outcome) })
    } else relay.send({ flags: FrameFlag.error, options: [], head: errorText(error) })
  }
}

function encode(result: unknown): Uint8Array | string {
  if (result instanceof Uint8Array || typeof result === 'string') return result
  return JSON.stringify(result) ?? ''
}

/** The error as Lambda's callers know it. */
function errorText(error: unknown): string {
  if (!(error instanceof Error))
    return JSON.stringify({ errorType: typeof error, errorMessage: String(error), stackTrace: [] })
  const stackTrace = (error.stack ?? '')
    .split('\n')
    .slice(1, 1 + stackLinesMax)
    .map((line) => line.trim())
  return JSON.stringify({ errorType: error.name, errorMessage: error.message, stackTrace })
}
