/** Runs a worker with an ordinary Lambda handler: everything is prepared before the handler's module is loaded. */
import { setImmediate as nextTurn } from 'node:timers/promises'
import { isMainThread } from 'node:worker_threads'
import { guardChildren } from '../children.js'
import { connectRelay } from '../connect.js'
import { type ErrorReport, reportError } from '../error-text.js'
import { watchLeaks } from '../watch-leaks.js'
import { patchConsole } from './console-lines.js'
import { RuntimeFault } from './errors.js'
import type { LambdaHandler } from './file.js'
import { defineAwslambda } from './response-stream.js'
import { serveLambda } from './serve.js'

/** Serves the handler that `load` finds. When it finds none, reports why and ends the process. */
export async function runOrdinary(load: () => Promise<LambdaHandler>): Promise<void> {
  try {
    const address = process.env.RR_RELAY ?? 'pipes'
    if (address === 'pipes') guardChildren()
    const link = await connectRelay(address)
    patchConsole(process.env)
    defineAwslambda(process.env)
    const handler = await load()
    // A rejection that the module left unhandled ends the process before the next turn, and so fails the start, as on AWS.
    await nextTurn()
    serveLambda(link, handler, await watchLeaks())
  } catch (error) {
    tell(error)
    endOf(error)
  }
}

const ownFolder = new URL('..', import.meta.url).pathname

/** Prints an init error, in Lambda's sense; the server passes the lines on. */
function tell(error: unknown): void {
  if (error instanceof RuntimeFault) {
    const { cause } = error
    write(`${error.name}: ${error.message}`, cause === undefined ? [] : reportError(cause).stackTrace)
    return
  }
  let prefix = ''
  for (let report: ErrorReport | undefined = reportError(error); report; report = report.cause) {
    write(`${prefix}${report.errorType}: ${report.errorMessage}`, report.stackTrace)
    prefix = 'caused by '
  }
}

function write(title: string, stackTrace: readonly string[]): void {
  // Node's frames and ours say nothing about the handler.
  const frames = stackTrace.filter((line) => !line.includes('node:internal/') && !line.includes(ownFolder))
  process.stderr.write(`${[title, ...frames].join('\n    ')}\n`)
}

function endOf(error: unknown): void {
  const cause: unknown = error instanceof Error ? error.cause : undefined
  // Only Node can tell where a syntax error is, and it does so for uncaught errors.
  if (cause instanceof SyntaxError && isMainThread)
    setImmediate(() => {
      throw cause
    })
  setImmediate(() => process.exit(1))
}
