/**
 * Picks out of a worker's output the stack that it prints when it is asked to: a head line that ends in "(most recent call first):" and one indented
 * line a frame, as Python's faulthandler writes it and our other SDKs do, too. Pure.
 */

const head = /\(most recent call first\):$/
// Of several threads, the one that the signal reached: it is the one that runs the handler.
const mainHead = /^(Current thread|Stack)\b/
const frame = /^ {2}\S/
const linesMax = 200

/** Picks the stack out of a worker's lines. */
export class StackLines {
  readonly #lines: string[] = []
  #isInside = false
  #topAt: number | undefined

  /** Takes another line of the output; returns whether it belongs to a stack. */
  add(line: string): boolean {
    const isHead = head.test(line)
    if (!isHead && !(this.#isInside && frame.test(line))) {
      this.#isInside = false
      return false
    }
    this.#isInside = true
    if (this.#lines.length >= linesMax) return true
    if (isHead && mainHead.test(line)) this.#topAt = this.#lines.length + 1
    this.#lines.push(line)
    return true
  }

  /** All lines of the stack, as they came. */
  get lines(): readonly string[] {
    return this.#lines
  }

  /** Innermost frame; undefined when no stack was printed. */
  get top(): string | undefined {
    return this.#lines[this.#topAt ?? 1]?.trim()
  }
}
