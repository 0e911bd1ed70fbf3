/** The PID handshake: the server asks, the worker answers, and answering is what being ready means. */
import type { Clock } from '../core/clock.js'
import { ErrorCode, RelayError } from '../core/errors.js'
import { type PidReply, pidRequest, readPidReply } from './control.js'
import type { Relay } from './relay.js'

/** How to ask. */
export interface HandshakeOptions {
  readonly ownPid: number
  readonly timeoutMs: number
  readonly clock: Clock
  readonly signal?: AbortSignal
  /** What the worker printed before its reply; a view, valid during the call only. */
  readonly onJunk: (bytes: Buffer) => void
}

const excerptBytes = 64

/**
 * Asks for the pid and waits. Rejects with RR_IPC_HANDSHAKE (time is up, another frame came, given up) or with the relay's
 * end (RR_IPC_RELAY_CLOSED or its fault). The relay stays open either way; it is the caller's.
 */
export function handshake(relay: Relay, options: HandshakeOptions): Promise<PidReply> {
  return new Promise((resolve, reject) => {
    const { clock, timeoutMs, signal } = options
    let isOver = false
    const over = () => {
      isOver = true
      timer.clear()
      signal?.removeEventListener('abort', onAbort)
    }
    const fail = (error: RelayError) => {
      if (isOver) return
      over()
      reject(error)
    }
    const onAbort = () =>
      fail(new RelayError(ErrorCode.Handshake, 'it ended, or was given up, before its PID reply'))
    const timer = clock.timer(timeoutMs, () =>
      fail(new RelayError(ErrorCode.Handshake, `no PID reply came within ${timeoutMs} ms`)),
    )
    if (signal?.aborted === true) return onAbort()
    signal?.addEventListener('abort', onAbort, { once: true })
    relay.read({
      junk: options.onJunk,
      closed: (fault) =>
        fail(fault ?? new RelayError(ErrorCode.RelayClosed, 'it closed the relay before its PID reply')),
      frame: (frame) => {
        const reply = readPidReply(frame)
        if (isOver) return
        if (reply === undefined) {
          const shown = JSON.stringify(frame.payload.toString('latin1', 0, excerptBytes))
          fail(
            new RelayError(
              ErrorCode.Handshake,
              `instead of a PID reply came flags ${frame.flags} with ${shown}`,
            ),
          )
          return
        }
        over()
        resolve(reply)
      },
    })
    relay.send(pidRequest(options.ownPid))
  })
}
