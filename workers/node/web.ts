/** HTTP jobs for handlers of the web's own kind, `Request → Response`: those of Hono, itty-router, or one of yours. */
import type { JobContext } from './context.js'
import { type Reply, reply } from './reply.js'
import type { Handler } from './serving.js'

/** Handles one request. `context` is that of its job; its signal aborts when the server cancels it. */
export type FetchHandler = (request: Request, context: JobContext) => Response | Promise<Response>

const nullBodies: ReadonlySet<number> = new Set([101, 204, 205, 304])

/**
 * Makes a handler for `serve`: `serve(fetchHandler(app.fetch))`. Set `http.raw_body: true`, so that forms come as they were sent. An answer
 * whose body is not all there yet is streamed.
 */
export function fetchHandler(handle: FetchHandler): Handler {
  return async (body, context) => {
    const response = await handle(requestOf(body, context), context)
    return replyOf(response)
  }
}

function requestOf(body: Buffer, { values, signal }: JobContext): Request {
  const headers = new Headers()
  const given = typeof values.headers === 'object' && values.headers !== null ? values.headers : {}
  for (const [name, list] of Object.entries(given))
    for (const value of [list].flat())
      headers.append(name, Buffer.from(String(value), 'utf8').toString('latin1'))
  const url = new URL(String(values.uri))
  headers.set('host', url.host)
  const method = String(values.method)
  const hasBody = body.length > 0 && method !== 'GET' && method !== 'HEAD'
  return new Request(url, { method, headers, signal, ...(hasBody ? { body } : {}) })
}

async function replyOf({ status, headers: given, body }: Response): Promise<Reply> {
  const headers: Record<string, readonly string[]> = {}
  for (const [name, value] of given) if (name !== 'set-cookie') headers[name] = [value]
  const cookies = given.getSetCookie()
  if (cookies.length > 0) headers['set-cookie'] = cookies
  const context = { status, headers }
  if (body === null || nullBodies.has(status)) return reply('', context)
  const reader = body.getReader()
  const first = await reader.read()
  if (first.done) return reply('', context)
  const second = reader.read()
  const soon = await Promise.race([
    second,
    new Promise<undefined>((resolve) => setImmediate(() => resolve(undefined))),
  ])
  if (soon?.done === true) return reply(first.value, context)
  return reply(
    pieces(
      first.value,
      second,
      () => reader.read(),
      () => reader.cancel(),
    ),
    context,
  )
}

type Read = Awaited<ReturnType<ReadableStreamDefaultReader<Uint8Array>['read']>>

/** The body piece by piece; ends it when the client has left. */
async function* pieces(
  first: Uint8Array,
  second: Promise<Read>,
  next: () => Promise<Read>,
  cancel: () => Promise<void>,
): AsyncGenerator<Uint8Array> {
  try {
    yield first
    for (let read = await second; !read.done; read = await next()) yield read.value
  } finally {
    await cancel()
  }
}
