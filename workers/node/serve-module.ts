/**
 * Serves whatever a module offers: it may call `serve` itself, export a function (by default or as `handle`), or export `handler` as
 * Lambda knows it. So one file runs in a process (`run.ts`) and in a thread (`thread.ts`).
 */
import { pathToFileURL } from 'node:url'
import { isRelayTaken } from '../../src/ipc/relays/thread-relay.js'
import type { LambdaHandler } from './handler/file.js'
import { runOrdinary } from './handler/ordinary.js'
import { defineAwslambda } from './handler/response-stream.js'
import { type Handler, serve } from './index.js'

/** Imports the file and serves it. Rejects with what the module throws when it loads. */
export async function serveModule(file: string): Promise<void> {
  defineAwslambda(process.env)
  const loaded: unknown = await import(pathToFileURL(file).href)
  if (isRelayTaken()) return
  const inner = member(loaded, 'default')
  const found = [member(loaded, 'handle'), inner, member(inner, 'handle'), member(inner, 'default')]
  const handle = found.find(isHandler)
  const ordinary = [member(loaded, 'handler'), member(inner, 'handler')].find(isLambdaHandler)
  const concurrency = member(loaded, 'concurrency') ?? member(inner, 'concurrency')
  if (handle !== undefined) await serve(handle, typeof concurrency === 'number' ? { concurrency } : {})
  else if (ordinary !== undefined) await runOrdinary(() => Promise.resolve(ordinary))
  else process.stderr.write(`${file} exports no function; waiting for it to call serve()\n`)
}

function member(value: unknown, key: string): unknown {
  const isObject = (typeof value === 'object' && value !== null) || typeof value === 'function'
  return isObject ? Reflect.get(value, key) : undefined
}

function isHandler(value: unknown): value is Handler {
  return typeof value === 'function'
}

function isLambdaHandler(value: unknown): value is LambdaHandler {
  return typeof value === 'function'
}
