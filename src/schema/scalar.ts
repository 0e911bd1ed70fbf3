/**
 * A scalar as people write it → a value of the kind that its schema asks for: text that reads as a number is one, units
 * become ms and bytes. What cannot be read stays a text, so that validation refuses it by its type. Pure.
 */
import type { StringSchema } from './kinds.js'
import type { Scalar } from './tree.js'
import { parseDuration, parseSize } from './units.js'

const truths: ReadonlyMap<string, boolean> = new Map([
  ['true', true],
  ['on', true],
  ['yes', true],
  ['false', false],
  ['off', false],
  ['no', false],
])

/** Reads a text; `on` and `off` are words where the schema lists them, whatever YAML made of them. */
export function readText({ format, enum: words }: StringSchema, scalar: Scalar): Scalar {
  if (scalar === null) return null
  const text = String(scalar)
  if (format === 'duration') return parseDuration(text) ?? text
  if (format === 'size') return parseSize(text) ?? text
  if (words === undefined || words.includes(text) || typeof scalar !== 'boolean') return text
  const word = scalar ? 'on' : 'off'
  return words.includes(word) ? word : text
}

/** Reads a number. */
export function readNumber(scalar: Scalar): Scalar {
  if (scalar === null) return null
  const text = String(scalar)
  const value = Number(text)
  return text.trim() !== '' && Number.isFinite(value) ? value : text
}

/** Reads `true`, `on`, `yes` and their opposites. */
export function readTruth(scalar: Scalar): Scalar {
  return scalar === null ? null : (truths.get(String(scalar).toLowerCase()) ?? scalar)
}
