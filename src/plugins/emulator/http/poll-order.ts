/**
 * Order of the requests of one connection, as Lambda's Runtime API keeps it: a poll that lies behind an answer is handled once that
 * answer has been taken. Node hands out both as they arrive, so that the poll would come before the answer's body had been read.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { RequestKind } from './connections.js'

/** One request. */
interface OrderedRequest {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  readonly kind: RequestKind
}

interface Line {
  readonly last: ServerResponse
  /** True while the last request waits; all behind it wait, too. */
  isHeld: boolean
  readonly heldCount: number
}

/** Requests of one connection that wait at most. */
const heldMax = 16

/** Holds requests back that have to wait for the one before them. */
export class PollOrder {
  readonly #lines = new WeakMap<Socket, Line>()

  /** Calls `handle` in turn; never when the connection is lost before, or too many wait on it. */
  inTurn({ request, response, kind }: OrderedRequest, handle: () => void): void {
    const { socket } = request
    const before = this.#lines.get(socket)
    const isHeld = before !== undefined && !before.last.closed && (kind === 'poll' || before.isHeld)
    const line = { last: response, isHeld, heldCount: isHeld ? (before?.heldCount ?? 0) + 1 : 0 }
    this.#lines.set(socket, line)
    if (before === undefined || !isHeld) {
      handle()
      return
    }
    if (line.heldCount > heldMax) {
      socket.destroy()
      return
    }
    before.last.once('close', () => {
      line.isHeld = false
      if (!socket.destroyed) handle()
    })
  }
}
