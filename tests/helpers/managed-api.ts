/** A Runtime API as Managed Instances have it: events side by side, each to the poller that has waited longest. */
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { TestContext } from 'node:test'
import { eventually } from './wait.js'

/** An answer that came for an event. */
interface ManagedAnswer {
  readonly kind: 'response' | 'error'
  readonly body: string
}

/** An event to hand out. */
interface ManagedEvent {
  readonly id: string
  readonly body: string
  readonly headers?: Readonly<Record<string, string>>
  /** Time limit in ms; 30 s by default. */
  readonly timeoutMs?: number
  /** Status that its answer gets; 202 by default. */
  readonly status?: number
}

/** The running API. */
export interface ManagedApi {
  readonly address: string
  /** Polls that wait for an event. */
  readonly polls: number
  /** The most there were at once. */
  readonly pollsMax: number
  /** Everything that was posted, as `ID/response` or `ID/error`. */
  readonly posts: readonly string[]
  /** Resolves with the answer of the event once it has been handed out and answered. */
  invoke(event: ManagedEvent): Promise<ManagedAnswer>
  /** Resolves when so many polls wait. */
  waiting(polls: number): Promise<void>
  /** Cuts the connection of a waiting poll. */
  cut(): void
  /** Called with each poll that comes. */
  onPoll: (polls: number) => void
}

/** Starts it; closed when the test ends. */
export async function managedApi(t: TestContext): Promise<ManagedApi> {
  const api = new Api()
  const server = createServer((request, response) => api.serve(request, response))
  server.requestTimeout = 0
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  const address = server.address()
  if (typeof address !== 'object' || address === null) throw new Error('no address')
  api.address = `127.0.0.1:${address.port}`
  return api
}

class Api implements ManagedApi {
  address = ''
  pollsMax = 0
  readonly posts: string[] = []
  onPoll: (polls: number) => void = () => undefined
  readonly #pollers: ServerResponse[] = []
  readonly #events: ManagedEvent[] = []
  readonly #open = new Map<string, { event: ManagedEvent; resolve: (answer: ManagedAnswer) => void }>()

  get polls(): number {
    return this.#pollers.length
  }

  waiting(polls: number): Promise<void> {
    return eventually(() => this.#pollers.length === polls)
  }

  cut(): void {
    this.#pollers.shift()?.destroy()
  }

  invoke(event: ManagedEvent): Promise<ManagedAnswer> {
    return new Promise((resolve) => {
      this.#open.set(event.id, { event, resolve })
      this.#events.push(event)
      this.#deal()
    })
  }

  serve(request: IncomingMessage, response: ServerResponse): void {
    const { url = '', method } = request
    const answered = /invocation\/([^/]+)\/(response|error)$/.exec(url)
    if (url.endsWith('/invocation/next')) this.#poll(response)
    else if (answered !== null) void this.#answer(request, response, answered)
    else if (method === 'POST' && url.endsWith('/extension/register'))
      response.setHeader('Lambda-Extension-Identifier', 'x').end('{}')
    else if (!url.endsWith('/event/next')) response.writeHead(404).end()
  }

  #poll(response: ServerResponse): void {
    this.#pollers.push(response)
    response.once('close', () => {
      const at = this.#pollers.indexOf(response)
      if (at >= 0) this.#pollers.splice(at, 1)
    })
    this.pollsMax = Math.max(this.pollsMax, this.polls)
    this.onPoll(this.polls)
    this.#deal()
  }

  #deal(): void {
    while (this.#pollers.length > 0 && this.#events.length > 0) {
      const [poller, event] = [this.#pollers.shift(), this.#events.shift()]
      if (poller === undefined || event === undefined) return
      const { id, body, headers = {}, timeoutMs = 30_000 } = event
      poller.writeHead(200, {
        'Lambda-Runtime-Aws-Request-Id': id,
        'Lambda-Runtime-Deadline-Ms': String(Date.now() + timeoutMs),
        // Present and empty, as Managed Instances have them.
        'Lambda-Runtime-Client-Context': '',
        ...headers,
      })
      poller.end(body)
    }
  }

  async #answer(
    request: IncomingMessage,
    response: ServerResponse,
    [, id = '', kind]: RegExpExecArray,
  ): Promise<void> {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk)
    this.posts.push(`${id}/${kind}`)
    const open = this.#open.get(id)
    response.writeHead(open?.event.status ?? 202).end('{}')
    this.#open.delete(id)
    open?.resolve({
      kind: kind === 'error' ? 'error' : 'response',
      body: Buffer.concat(chunks).toString('utf8'),
    })
  }
}
