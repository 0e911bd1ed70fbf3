/**
 * Start of a stream: collects everything written within one turn of the event loop, so that an answer that is complete by
 * then goes out as one frame whose size is known. The first byte of any other waits no longer than that turn.
 */

/** Bytes that are collected at most; a larger answer goes out piece by piece. */
const wholeBytesMax = 1024 * 1024

/** The first pieces of a stream. */
export interface StreamStart {
  readonly pieces: readonly Uint8Array[]
  /** The read that follows them, which may reject; undefined when the pieces are the whole stream. */
  readonly next: Promise<IteratorResult<Uint8Array>> | undefined
}

/** Reads on until the turn is over in which the first piece came. Rejects with an error before the first piece. */
export async function startOf(stream: AsyncGenerator<Uint8Array>): Promise<StreamStart> {
  const pieces: Uint8Array[] = []
  let bytes = 0
  let result = await stream.next()
  const turn = new Promise<undefined>((resolve) => setImmediate(resolve, undefined))
  while (result.done !== true) {
    pieces.push(result.value)
    bytes += result.value.length
    const next = stream.next()
    // An error after the first piece is reported after it, where `next` is awaited.
    const settled = await Promise.race([next, turn]).catch(() => undefined)
    if (settled === undefined || bytes > wholeBytesMax) return { pieces, next }
    result = settled
  }
  return { pieces, next: undefined }
}

/** The stream from its first piece on. */
export async function* continued(
  start: StreamStart,
  rest: AsyncGenerator<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  try {
    yield* start.pieces
    const next = await start.next
    if (next === undefined || next.done === true) return
    yield next.value
    yield* rest
  } finally {
    // The reader has stopped: end the stream's source.
    await rest.return(undefined)
  }
}
