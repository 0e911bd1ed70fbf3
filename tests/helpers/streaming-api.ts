/**
 * A Runtime API for streamed answers, on raw sockets: it keeps the chunks of an answer apart as they were sent, with their
 * trailers, and reads on, stops reading or hangs up at the test's word.
 */
import { once } from 'node:events'
import { createServer, type Socket } from 'node:net'
import type { TestContext } from 'node:test'

/** One answer, from the moment its head came. */
export interface ApiAnswer {
  /** `response` or `error`. */
  readonly kind: string
  readonly headers: ReadonlyMap<string, string>
  /** The chunks so far, each with its own bytes; a body with a length is one chunk. */
  readonly chunks: readonly Buffer[]
  readonly bytes: number
  readonly trailers: ReadonlyMap<string, string>
  /** Names the connection: no two have the same. */
  readonly connection: number
  /** Resolves when that many chunks have come. */
  chunk(count: number): Promise<Buffer>
  /** Resolves with whether the answer came whole. */
  readonly ended: Promise<boolean>
  /** Resolves when its connection is closed. */
  readonly closed: Promise<void>
  /** Reads nothing more until `resume`. */
  pause(): void
  resume(): void
  /** Hangs up. */
  cut(): void
}

/** The running API. */
export interface StreamingApi {
  readonly address: string
  /** Hands out an event as soon as it is asked for; resolves with its answer, once its head has come. */
  invoke(
    event: unknown,
    options?: { readonly deadlineMs?: number; readonly isPaused?: boolean },
  ): Promise<ApiAnswer>
  /** Rejects everything that waits for an answer. */
  abandon(why: string): void
  /** Every answer so far. */
  readonly answers: readonly ApiAnswer[]
  /** The connection of the last poll. */
  readonly pollConnection: number
}

interface Waiting {
  readonly body: string
  readonly deadlineMs: number
  readonly isPaused: boolean
  readonly resolve: (answer: ApiAnswer) => void
  readonly reject: (error: Error) => void
}

/** Starts it; it is closed when the test ends. */
export async function streamingApi(t: TestContext): Promise<StreamingApi> {
  const events: Waiting[] = []
  const all: Waiting[] = []
  const running = new Map<string, Waiting>()
  const polls: ((event: Waiting) => void)[] = []
  const answers: ApiAnswer[] = []
  const sockets = new Set<Socket>()
  let [connections, requests, pollConnection] = [0, 0, 0]
  const takeEvent = () => {
    const event = events.shift()
    return event ? Promise.resolve(event) : new Promise<Waiting>((resolve) => polls.push(resolve))
  }
  const serve = async (socket: Socket, connection: number) => {
    const reader = new Reader(socket)
    for (let head = await reader.head(); head !== undefined; head = await reader.head()) {
      const { path, headers } = head
      if (path.endsWith('/extension/event/next')) continue
      if (path.endsWith('/invocation/next')) {
        pollConnection = connection
        const event = await takeEvent()
        const id = `request-${++requests}`
        running.set(id, event)
        socket.write(response(200, event.body, { 'Aws-Request-Id': id, 'Deadline-Ms': event.deadlineMs }))
        continue
      }
      const [, id = '', kind = ''] = /invocation\/([^/]+)\/(\w+)$/.exec(path) ?? []
      const event = running.get(id)
      const isPaused = event?.isPaused ?? false
      const answer = new Answer({ kind, headers, connection, socket, reader, isPaused })
      if (event !== undefined) {
        answers.push(answer)
        event.resolve(answer)
      }
      if (await answer.read()) socket.write(response(event === undefined ? 200 : 202, '{}'))
    }
  }
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => undefined)
    // A connection that ends in the middle of a request is told by its answer.
    serve(socket, ++connections).catch(() => socket.destroy())
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  return {
    abandon: (why) => {
      for (const one of all) one.reject(new Error(why))
    },
    address: `127.0.0.1:${address.port}`,
    answers,
    get pollConnection() {
      return pollConnection
    },
    invoke: (event, { deadlineMs = Date.now() + 60_000, isPaused = false } = {}) =>
      new Promise((resolve, reject) => {
        const waiting = { body: JSON.stringify(event), deadlineMs, isPaused, resolve, reject }
        all.push(waiting)
        const poll = polls.shift()
        if (poll === undefined) events.push(waiting)
        else poll(waiting)
      }),
  }
}

function response(status: number, body: string, headers: Readonly<Record<string, unknown>> = {}): string {
  const own = Object.entries(headers).map(([name, value]) => `Lambda-Runtime-${name}: ${value}\r\n`)
  const identifier = 'Lambda-Extension-Identifier: e\r\n'
  return `HTTP/1.1 ${status} x\r\n${own.join('')}${identifier}Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`
}

/** Takes a socket's bytes only when they are asked for. */
class Reader {
  readonly #bytes: AsyncIterator<Buffer>
  #buffer = Buffer.alloc(0)

  constructor(socket: Socket) {
    this.#bytes = socket.iterator({ destroyOnReturn: false })[Symbol.asyncIterator]()
  }

  async head() {
    const line = await this.line().catch(() => undefined)
    if (line === undefined) return undefined
    return { path: line.split(' ')[1] ?? '', headers: await this.headers() }
  }

  async headers(): Promise<Map<string, string>> {
    const headers = new Map<string, string>()
    for (let line = await this.line(); line !== ''; line = await this.line()) {
      const colon = line.indexOf(':')
      headers.set(line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim())
    }
    return headers
  }

  async line(): Promise<string> {
    while (!this.#buffer.includes('\r\n')) await this.#more()
    const at = this.#buffer.indexOf('\r\n')
    const line = this.#buffer.toString('latin1', 0, at)
    this.#buffer = this.#buffer.subarray(at + 2)
    return line
  }

  async exactly(length: number): Promise<Buffer> {
    while (this.#buffer.length < length) await this.#more()
    const bytes = Buffer.from(this.#buffer.subarray(0, length))
    this.#buffer = this.#buffer.subarray(length)
    return bytes
  }

  async #more(): Promise<void> {
    const { done, value } = await this.#bytes.next()
    if (done === true) throw new Error('the connection ended')
    this.#buffer = Buffer.concat([this.#buffer, value])
  }
}

interface AnswerParts {
  readonly kind: string
  readonly headers: ReadonlyMap<string, string>
  readonly connection: number
  readonly socket: Socket
  readonly reader: Reader
  readonly isPaused: boolean
}

class Answer implements ApiAnswer {
  readonly kind: string
  readonly headers: ReadonlyMap<string, string>
  readonly connection: number
  readonly chunks: Buffer[] = []
  readonly ended: Promise<boolean>
  readonly closed: Promise<void>
  trailers: ReadonlyMap<string, string> = new Map()
  bytes = 0
  readonly #parts: AnswerParts
  readonly #waiting = new Set<{ readonly count: number; readonly resolve: (chunk: Buffer) => void }>()
  #end!: (isWhole: boolean) => void
  #gate = Promise.resolve()
  #open: () => void = () => undefined

  constructor(parts: AnswerParts) {
    this.kind = parts.kind
    this.headers = parts.headers
    this.connection = parts.connection
    this.#parts = parts
    this.ended = new Promise((resolve) => {
      this.#end = resolve
    })
    this.closed = new Promise((resolve) => parts.socket.once('close', () => resolve()))
    if (parts.isPaused) this.pause()
  }

  async read(): Promise<boolean> {
    const { reader, headers } = this.#parts
    try {
      if (headers.get('transfer-encoding') === 'chunked') await this.#readChunks()
      else this.#take(await reader.exactly(Number(headers.get('content-length') ?? 0)))
      this.#end(true)
      return true
    } catch {
      this.#end(false)
      return false
    }
  }

  async #readChunks(): Promise<void> {
    const { reader } = this.#parts
    for (;;) {
      await this.#gate
      const length = Number.parseInt(await reader.line(), 16)
      if (length === 0) break
      this.#take(await reader.exactly(length))
      await reader.line()
    }
    this.trailers = await reader.headers()
  }

  #take(chunk: Buffer): void {
    this.bytes += chunk.length
    this.chunks.push(chunk)
    for (const one of this.#waiting) if (one.count === this.chunks.length) one.resolve(chunk)
  }

  chunk(count: number): Promise<Buffer> {
    const chunk = this.chunks[count - 1]
    return chunk ? Promise.resolve(chunk) : new Promise((resolve) => this.#waiting.add({ count, resolve }))
  }

  pause(): void {
    this.#gate = new Promise((resolve) => {
      this.#open = resolve
    })
  }

  resume(): void {
    this.#open()
  }

  cut(): void {
    this.#parts.socket.destroy()
  }
}
