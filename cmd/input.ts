/** Reads the file that a command gets as an argument. */
import { readFileSync } from 'node:fs'
import { messageOf } from '../src/core/errors.js'

/** Returns the bytes of the file, or of standard input for `-`. A string is the reason why they cannot be read. */
export function readInput(file: string): Buffer | string {
  try {
    return readFileSync(file === '-' ? 0 : file)
  } catch (error) {
    return `cannot read ${file}: ${messageOf(error)}`
  }
}
