/** Reads the message of a unary call from its stream, within the limits of one call and of all together. */
import type { ServerHttp2Stream } from 'node:http2'
import { onAbort } from '../../../index.js'
import { MessageReader, plainBytes, type WireMessage } from '../wire/message.js'
import { GrpcCode, StatusError } from '../wire/status.js'
import type { CallParts } from './call-parts.js'

/** A message, and the room that it takes until it is freed. */
export interface HeldMessage {
  readonly bytes: Buffer
  readonly free: () => void
}

/** Reads the message. Rejects with a `StatusError`, or the reason of `signal`. */
export async function readMessage(
  stream: ServerHttp2Stream,
  { encoding, signal }: { readonly encoding: string; readonly signal: AbortSignal },
  parts: CallParts,
): Promise<HeldMessage> {
  const hold = new Hold(parts)
  try {
    const message = await collect(stream, signal, hold, parts)
    const bytes = await plainBytes(message, encoding, parts.receivedBytesMax)
    if (message.isCompressed) hold.take(bytes.length)
    return { bytes, free: () => hold.free() }
  } catch (error) {
    hold.free()
    throw error
  }
}

/** Room that one call has taken. */
class Hold {
  readonly #room: CallParts['room']
  #bytes = 0

  constructor({ room }: CallParts) {
    this.#room = room
  }

  take(bytes: number): void {
    if (!this.#room.take(bytes))
      throw new StatusError(GrpcCode.resourceExhausted, 'the server holds too many messages already')
    this.#bytes += bytes
  }

  free(): void {
    this.#room.giveBack(this.#bytes)
    this.#bytes = 0
  }
}

function collect(
  stream: ServerHttp2Stream,
  signal: AbortSignal,
  hold: Hold,
  { receivedBytesMax, requestMsMax, clock }: CallParts,
): Promise<WireMessage> {
  return new Promise((resolve, reject) => {
    const reader = new MessageReader(receivedBytesMax)
    const end = (act: () => void) => {
      stream.off('data', onData).off('end', onEnd)
      timer.clear()
      forget()
      act()
    }
    const attempt = (act: () => void) => {
      try {
        act()
      } catch (error) {
        // What comes until the client hears of it is thrown away.
        end(() => reject(error))
        stream.resume()
      }
    }
    const onData = (chunk: Buffer) =>
      attempt(() => {
        hold.take(chunk.length)
        reader.push(chunk)
      })
    const onEnd = () =>
      attempt(() => {
        const message = reader.end()
        end(() => resolve(message))
      })
    const timer = clock.timer(requestMsMax, () =>
      end(() =>
        reject(new StatusError(GrpcCode.cancelled, `the call was not complete after ${requestMsMax} ms`)),
      ),
    )
    const forget = onAbort(signal, () => end(() => reject(signal.reason)))
    stream.on('data', onData).on('end', onEnd)
  })
}
