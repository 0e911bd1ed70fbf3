/** Cuts bytes in any chunking into whole lines. A line over the limit comes in numbered parts that share an id; memory is bounded. */

/** Place of a piece in a line that is too long. */
export interface LinePart {
  readonly id: string
  /** Counts from 1. */
  readonly number: number
  readonly isLast: boolean
}

/** Limits and the receiver. */
export interface LineSplitterOptions {
  /** The longest line that stays whole, in bytes. */
  readonly lineBytesMax: number
  readonly onLine: (text: string, part: LinePart | undefined) => void
}

const newline = 0x0a
const carriageReturn = 0x0d

let partCount = 0

/** The lines of one stream. */
export class LineSplitter {
  readonly #options: LineSplitterOptions
  /** Pieces of the unfinished line: joined once, so that a long line costs linear time. */
  #pieces: Buffer[] = []
  #bytes = 0
  #part: { readonly id: string; number: number } | undefined

  constructor(options: LineSplitterOptions) {
    this.#options = options
  }

  push(chunk: Buffer): void {
    let from = 0
    for (;;) {
      const end = chunk.indexOf(newline, from)
      if (end < 0) break
      this.#add(chunk.subarray(from, end))
      this.#finish()
      from = end + 1
    }
    this.#add(chunk.subarray(from))
    // The chunk may be a view of a buffer that its reader fills again: what stays is copied.
    const last = this.#pieces.length - 1
    const piece = this.#pieces[last]
    if (piece !== undefined) this.#pieces[last] = Buffer.from(piece)
  }

  /** Hands out the begun line, if there is one: at the end of the stream, or when it is known that no more will come. */
  end(): void {
    if (this.#bytes > 0 || this.#part !== undefined) this.#finish()
  }

  #add(piece: Buffer): void {
    this.#keep(piece)
    const { lineBytesMax } = this.#options
    while (this.#bytes > lineBytesMax) {
      const bytes = this.#take()
      const room = characterStart(bytes, lineBytesMax)
      this.#emitPart(bytes.subarray(0, room), false)
      this.#keep(bytes.subarray(room))
    }
  }

  #keep(piece: Buffer): void {
    if (piece.length === 0) return
    this.#pieces.push(piece)
    this.#bytes += piece.length
  }

  #finish(): void {
    const bytes = this.#take()
    const length = bytes[bytes.length - 1] === carriageReturn ? bytes.length - 1 : bytes.length
    const line = bytes.subarray(0, length)
    if (this.#part === undefined) this.#options.onLine(line.toString('utf8'), undefined)
    else this.#emitPart(line, true)
    this.#part = undefined
  }

  #emitPart(bytes: Buffer, isLast: boolean): void {
    if (this.#part === undefined) {
      partCount += 1
      this.#part = { id: `part-${partCount}`, number: 0 }
    }
    this.#part.number += 1
    this.#options.onLine(bytes.toString('utf8'), { id: this.#part.id, number: this.#part.number, isLast })
  }

  #take(): Buffer {
    const [first] = this.#pieces
    const bytes = this.#pieces.length === 1 && first !== undefined ? first : Buffer.concat(this.#pieces)
    this.#pieces = []
    this.#bytes = 0
    return bytes
  }
}

/** Returns the last place at or before `at` where a UTF-8 character begins, so that a cut does not split one. */
function characterStart(bytes: Buffer, at: number): number {
  let start = Math.min(at, bytes.length)
  for (let back = 0; back < 4 && start > 0 && start < bytes.length; back += 1) {
    if (((bytes[start] as number) & 0xc0) !== 0x80) return start
    start -= 1
  }
  // Not UTF-8, or no room for a single character: cut at the limit, but take at least one byte.
  return start > 0 ? start : Math.max(1, Math.min(at, bytes.length))
}
