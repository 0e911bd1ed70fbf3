/**
 * What a worker says when it is asked where it is: a head line that ends in "(most recent call first):" and one indented
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

  /** Another line of its output; returns whether it belongs to a stack. */
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

  /** All of it, as it came. */
  get lines(): readonly string[] {
    return this.#lines
  }

  /** Where it is: the innermost frame. Undefined when it did not say. */
  get top(): string | undefined {
    return this.#lines[this.#topAt ?? 1]?.trim()
  }
}
