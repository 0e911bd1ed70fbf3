/** A Runtime API at the level of bytes: what came in which write, and any answer that a test wants to give, or none. */
import { once } from 'node:events'
import { createServer, type Socket } from 'node:net'
import type { TestContext } from 'node:test'
import { eventually } from './wait.js'

/** Reaction to a post: a status line and headers, nothing for now, or the end of the connection. */
type PostReaction = { readonly status: string; readonly headers?: string } | 'silent' | 'cut'

/** The running API. */
export interface WireApi {
  readonly address: string
  /** Requests of each write, as `POST id/response` or `GET next`, joined by ` + `. */
  readonly writes: readonly string[]
  /** Bodies of the posts, in their order. */
  readonly bodies: readonly string[]
  /** Connections that are open. */
  readonly openCount: number
  react: (id: string) => PostReaction
  /** Hands an event out to the poll that waits, or to the next. */
  hand(id: string, body?: string): void
  /** Resolves when a poll waits. */
  polled(): Promise<void>
  /** Ends the connection whose poll waits. */
  cutPoll(): void
  /** Answers a post that was silent. */
  accept(): void
}

const accepted = 'HTTP/1.1 202 Accepted\r\nContent-Length: 2\r\n\r\nok'

/** Starts it; closed when the test ends. */
export async function wireApi(t: TestContext): Promise<WireApi> {
  const writes: string[] = []
  const bodies: string[] = []
  const events: string[] = []
  const open = new Set<Socket>()
  let poll: Socket | undefined
  let held: { readonly socket: Socket; readonly rest: () => void } | undefined
  const deal = () => {
    const event = poll === undefined ? undefined : events.shift()
    if (event === undefined) return
    poll?.write(event)
    poll = undefined
  }
  const server = createServer((socket) => {
    open.add(socket)
    socket.on('close', () => {
      open.delete(socket)
      if (poll === socket) poll = undefined
    })
    socket.on('error', () => socket.destroy())
    let text = ''
    const read = () => {
      for (let end = text.indexOf('\r\n\r\n'); end >= 0; end = text.indexOf('\r\n\r\n')) {
        const head = text.slice(0, end)
        const length = Number(/content-length: (\d+)/i.exec(head)?.[1] ?? 0)
        if (text.length < end + 4 + length) break
        const body = text.slice(end + 4, end + 4 + length)
        text = text.slice(end + 4 + length)
        if (head.includes('/extension/')) {
          if (head.startsWith('POST'))
            socket.write('HTTP/1.1 200 OK\r\nLambda-Extension-Identifier: e\r\nContent-Length: 2\r\n\r\n{}')
          continue
        }
        const [, id, what] = /invocation\/([^/ ]+)(?:\/(\w+))? /.exec(head) ?? []
        if (what === undefined) {
          poll = socket
          deal()
          continue
        }
        bodies.push(body)
        const reaction = api.react(id ?? '')
        if (reaction === 'cut') socket.destroy()
        else if (reaction === 'silent') {
          // What was sent behind it is read once it has been answered.
          held = { socket, rest: read }
          break
        } else
          socket.write(`HTTP/1.1 ${reaction.status}\r\n${reaction.headers ?? ''}Content-Length: 2\r\n\r\nok`)
        if (/^Connection: close/m.test(typeof reaction === 'string' ? '' : (reaction.headers ?? ''))) {
          socket.end()
          text = ''
        }
      }
    }
    socket.on('data', (bytes: Buffer) => {
      const came = bytes.toString('latin1')
      const names = [...came.matchAll(/(GET|POST) \/\S+\/invocation\/(\S+) HTTP/g)].map(
        ([, verb, path]) => `${verb} ${path}`,
      )
      if (names.length > 0) writes.push(names.join(' + '))
      text += came
      read()
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    for (const socket of open) socket.destroy()
    server.close()
  })
  const address = server.address()
  if (typeof address !== 'object' || address === null) throw new Error('no address')
  const api: WireApi = {
    address: `127.0.0.1:${address.port}`,
    writes,
    bodies,
    get openCount() {
      return open.size
    },
    react: () => ({ status: '202 Accepted' }),
    hand: (id, body = '1') => {
      const head = `HTTP/1.1 200 OK\r\nLambda-Runtime-Aws-Request-Id: ${id}\r\nLambda-Runtime-Deadline-Ms: ${Date.now() + 60_000}\r\n`
      events.push(`${head}Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`)
      deal()
    },
    polled: () => eventually(() => poll !== undefined),
    cutPoll: () => poll?.destroy(),
    accept: () => {
      held?.socket.write(accepted)
      held?.rest()
      held = undefined
    },
  }
  return api
}
