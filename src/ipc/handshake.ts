/** The PID handshake: the server asks, the worker answers. A worker that has answered is ready. */
import { onAbort } from '../core/abort.js'
import type { Clock } from '../core/clock.js'
import { ErrorCode, RelayError } from '../core/errors.js'
import { type PidReply, pidRequest, readPidReply } from './control.js'
import type { Frame } from './frame.js'
import type { Relay } from './relay.js'

/** Options of a handshake. */
export interface HandshakeOptions {
  readonly ownPid: number
  readonly timeoutMs: number
  readonly clock: Clock
  readonly signal?: AbortSignal
  /** The request was sent before; only the reply is waited for. */
  readonly isAsked?: boolean
  /** Called with bytes that the worker printed before its reply; a view, valid during the call only. */
  readonly onJunk: (bytes: Buffer) => void
}

const excerptBytes = 64
const givenUp = 'it ended, or was cancelled, before it reported that it is ready'

/**
 * Asks for the pid, unless that was done before, and waits. Rejects with RR_IPC_HANDSHAKE (time is up, given up, another frame came, or a second one with
 * the reply) or with the relay's end (RR_IPC_RELAY_CLOSED or its fault). The relay stays open either way; it is the caller's.
 */
export function handshake(relay: Relay, options: HandshakeOptions): Promise<PidReply> {
  const { clock, timeoutMs, signal } = options
  return new Promise((resolve, reject) => {
    let reply: PidReply | undefined
    const over = () => {
      timer.clear()
      stopListening()
    }
    // Rejecting what is settled does nothing, so these need not ask.
    const fail = (error: RelayError) => {
      over()
      reject(error)
    }
    const refuse = (why: string) => fail(new RelayError(ErrorCode.Handshake, why))
    if (signal?.aborted === true) return reject(new RelayError(ErrorCode.Handshake, givenUp))
    const timer = clock.timer(timeoutMs, () =>
      refuse(`it did not report that it is ready within ${timeoutMs} ms`),
    )
    const stopListening = onAbort(signal, () => refuse(givenUp))
    relay.read({
      junk: options.onJunk,
      closed: (fault) =>
        fail(
          fault ??
            new RelayError(ErrorCode.RelayClosed, 'it closed the relay before it reported that it is ready'),
        ),
      frame: (frame) => {
        if (reply !== undefined)
          return refuse(`after it had reported that it is ready, it sent without a request ${shown(frame)}`)
        reply = readPidReply(frame)
        if (reply === undefined)
          return refuse(`instead of reporting that it is ready it sent ${shown(frame)}`)
        over()
        // After the chunk has been decoded: bytes that came with the reply were not asked for and must be reported.
        const good = reply
        queueMicrotask(() => resolve(good))
      },
    })
    if (options.isAsked !== true) relay.send(pidRequest(options.ownPid))
  })
}

function shown(frame: Frame): string {
  return `flags ${frame.flags} with ${JSON.stringify(frame.payload.toString('latin1', 0, excerptBytes))}`
}
