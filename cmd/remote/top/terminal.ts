/** The terminal of a full screen: draws lines that have changed, hands over keys, and restores everything at its end. */
import { emitKeypressEvents } from 'node:readline'
import { styleText } from 'node:util'
import {
  clearScreen,
  cursorHide,
  cursorShow,
  cursorTo,
  enterAlternativeScreen,
  eraseEndLine,
  exitAlternativeScreen,
} from 'ansi-escapes'
import type { Key } from './state.js'
import type { Paint, Size } from './view.js'

/** Receivers of what happens at the terminal. */
export interface TerminalCalls {
  readonly onKey: (key: Key) => void
  /** The size has changed, or the program goes on after a stop: draw again. */
  readonly onResize: () => void
  /** The terminal has gone, or the program is asked to end. */
  readonly onEnd: () => void
}

const styles = {
  head: ['bold', 'inverse'],
  bold: 'bold',
  dim: 'dim',
  red: 'red',
  yellow: 'yellow',
  green: 'green',
  selected: ['bold', 'black', 'bgCyan'],
} as const

/** Returns how text is painted: bold and inverse only where colours are not wanted. */
export function painter(env: Readonly<Record<string, string | undefined>>): Paint {
  const hasColor = env.NO_COLOR === undefined || env.NO_COLOR === ''
  return (style, text) => {
    if (hasColor) return styleText([...[styles[style]].flat()], text)
    if (style === 'selected' || style === 'head') return styleText('inverse', text)
    return style === 'bold' || style === 'red' ? styleText('bold', text) : text
  }
}

/** A terminal that one program has for itself. */
export class Terminal {
  readonly #calls: TerminalCalls
  readonly #restore = () => this.#leave()
  readonly #key = (_text: string | undefined, key: Key) => this.#onKey(key)
  readonly #resize = () => this.#redraw()
  readonly #ended = () => this.#calls.onEnd()
  #drawn: readonly string[] = []
  #isOn = false

  constructor(calls: TerminalCalls) {
    this.#calls = calls
  }

  /** Size of the terminal. */
  get size(): Size {
    return { columns: process.stdout.columns || 80, rows: process.stdout.rows || 24 }
  }

  /** Takes the terminal over. */
  open(): void {
    emitKeypressEvents(process.stdin)
    process.stdin.on('keypress', this.#key).on('end', this.#ended)
    process.stdout.on('resize', this.#resize).on('error', this.#ended)
    process.on('exit', this.#restore).on('SIGCONT', this.#resize)
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, this.#ended)
    this.#enter()
  }

  /** Gives it back as it was. */
  close(): void {
    this.#leave()
    process.stdin.off('keypress', this.#key).off('end', this.#ended).pause()
    process.stdout.off('resize', this.#resize)
    process.off('exit', this.#restore).off('SIGCONT', this.#resize)
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.off(signal, this.#ended)
  }

  /** Draws lines, of which only those are written that differ from what is there. */
  draw(lines: readonly string[]): void {
    if (!this.#isOn) return
    const changed = lines.flatMap((line, row) =>
      line === this.#drawn[row] ? [] : [cursorTo(0, row) + line + eraseEndLine],
    )
    this.#drawn = lines
    if (changed.length > 0) process.stdout.write(changed.join(''))
  }

  #onKey(key: Key): void {
    // In raw mode the terminal does not stop the program itself.
    if (key.ctrl === true && key.name === 'z') {
      this.#leave()
      process.kill(process.pid, 'SIGSTOP')
    } else this.#calls.onKey(key)
  }

  #redraw(): void {
    this.#enter()
    this.#drawn = []
    process.stdout.write(clearScreen)
    this.#calls.onResize()
  }

  #enter(): void {
    if (this.#isOn) return
    this.#isOn = true
    this.#drawn = []
    process.stdin.setRawMode(true)
    process.stdin.resume()
    process.stdout.write(enterAlternativeScreen + cursorHide + clearScreen)
  }

  #leave(): void {
    if (!this.#isOn) return
    this.#isOn = false
    process.stdout.write(cursorShow + exitAlternativeScreen)
    process.stdin.setRawMode(false)
  }
}
