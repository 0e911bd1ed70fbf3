/** The file that a command is given as its argument. */
import { readFileSync } from 'node:fs'
import { messageOf } from '../../src/core/errors.js'

/** Its bytes; `-` is standard input. A text says what is wrong. */
export function readInput(file: string): Buffer | string {
  try {
    return readFileSync(file === '-' ? 0 : file)
  } catch (error) {
    return `cannot read ${file}: ${messageOf(error)}`
  }
}
