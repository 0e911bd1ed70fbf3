/**
 * Runs inside a thread of the thread pool: imports the handler's module once and calls it for each job. The module's
 * default export (or its `handle`) gets the body as bytes and the context as an object.
 */
import { pathToFileURL } from 'node:url'

/** One job as it crosses to the thread. */
export interface ThreadJob {
  readonly module: string
  readonly context: Uint8Array
  readonly body: Uint8Array
}

type Handle = (body: Uint8Array, context: unknown) => unknown

let handle: Promise<Handle> | undefined

async function load(module: string): Promise<Handle> {
  const loaded: { readonly default?: unknown; readonly handle?: unknown } = await import(
    pathToFileURL(module).href
  )
  const found = loaded.handle ?? loaded.default
  if (typeof found !== 'function')
    throw new Error(`${module} exports no function "handle" and no default function`)
  return (body, context) => found(body, context)
}

/** Calls the handler; its result is bytes as they are, or JSON. */
export default async function run({ module, context, body }: ThreadJob): Promise<Uint8Array> {
  handle ??= load(module)
  const text = new TextDecoder().decode(context)
  const result = await (await handle)(body, text === '' ? {} : JSON.parse(text))
  if (result instanceof Uint8Array) return result
  return new TextEncoder().encode(JSON.stringify(result ?? null))
}
