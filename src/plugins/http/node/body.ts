/** Reads the body of a request into memory, within the limits of one request and of all together. */
import type { IncomingMessage } from 'node:http'
import { type BodyBudget, FormFault } from '../../../work/http/index.js'

/** A body, and the room that it takes until it is freed. */
export interface HeldBody {
  readonly bytes: Buffer
  /** Gives its room back; a second call does nothing. */
  readonly free: () => void
}

/** Length that the client announced; undefined when it did not, or sends in chunks. */
function announcedLength({ headers }: IncomingMessage): number | undefined {
  const text = headers['content-length']
  return text === undefined ? undefined : Number(text)
}

/**
 * Reads the whole body. Rejects with a `FormFault`: 413 over `bytesMax`, 503 without room; with another error when the client left. What it
 * does not read stays in the stream.
 */
export function collectBody(request: IncomingMessage, bytesMax: number, room: BodyBudget): Promise<HeldBody> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    let bytes = 0
    let isFreed = false
    const free = () => {
      if (!isFreed) room.giveBack(bytes)
      isFreed = true
    }
    const end = (act: () => void) => {
      request.off('data', onData).off('end', onEnd).off('close', onClose).off('error', onClose)
      act()
    }
    const fail = (error: Error) =>
      end(() => {
        request.pause()
        free()
        reject(error)
      })
    const onData = (chunk: Buffer) => {
      if (bytes + chunk.length > bytesMax) fail(tooLarge(bytesMax))
      else if (!room.take(chunk.length)) fail(new FormFault(503, 'the server holds too many bodies already'))
      else {
        bytes += chunk.length
        chunks.push(chunk)
      }
    }
    const onEnd = () => end(() => resolve({ bytes: joined(chunks), free }))
    const onClose = () => fail(new Error('the client left before its body was read'))
    const length = announcedLength(request)
    if (length !== undefined && length > bytesMax) fail(tooLarge(bytesMax))
    else request.on('data', onData).on('end', onEnd).on('close', onClose).on('error', onClose)
  })
}

/** The fault of a body over the limit. */
function tooLarge(bytesMax: number): FormFault {
  return new FormFault(413, `the body has more than ${bytesMax} bytes`)
}

function joined(chunks: readonly Buffer[]): Buffer {
  const [only] = chunks
  return only !== undefined && chunks.length === 1 ? only : Buffer.concat(chunks)
}
