/** One scalar against one schema: text that reads as what is wanted is accepted, units are turned into ms and bytes. Pure. */
import { commandWords, shellWord } from '../src/core/command-words.js'
import type { BooleanSchema, NumberSchema, StringSchema } from '../src/schema/section.js'
import type { Tree } from '../src/schema/tree.js'
import { describe } from './describe.js'
import { parseDuration, parseSize } from './units.js'

/** A value, or what is wrong with it. */
export type ReadScalar =
  | { readonly value: string | number | boolean; readonly warning?: string; readonly hint?: string }
  | { readonly what: string; readonly expected: string; readonly hint?: string }

const truths: Readonly<Record<string, boolean>> = {
  true: true,
  on: true,
  yes: true,
  false: false,
  off: false,
  no: false,
}

/** Reads a scalar; lists and maps are refused. */
export function readScalar(schema: StringSchema | NumberSchema | BooleanSchema, tree: Tree): ReadScalar {
  if (tree.kind !== 'scalar' || tree.value === null) {
    const what = tree.kind === 'scalar' ? 'no value' : tree.kind === 'map' ? 'a map' : 'a list'
    return { what, expected: describe(schema) }
  }
  const text = String(tree.value)
  if (schema.type === 'string') return readText(schema, tree.value, text)
  if (schema.type === 'boolean') {
    const value = truths[text.toLowerCase()]
    return value === undefined ? { what: JSON.stringify(tree.value), expected: 'on or off' } : { value }
  }
  return readNumber(schema, text)
}

function readNumber(schema: NumberSchema, text: string): ReadScalar {
  const value = Number(text)
  const isNumber =
    text.trim() !== '' && Number.isFinite(value) && (schema.type === 'number' || Number.isInteger(value))
  const isInRange =
    value >= (schema.minimum ?? Number.NEGATIVE_INFINITY) &&
    value <= (schema.maximum ?? Number.POSITIVE_INFINITY)
  if (isNumber && isInRange) return { value }
  return { what: isNumber ? text : JSON.stringify(text), expected: describe(schema) }
}

function readText(schema: StringSchema, raw: string | number | boolean | null, text: string): ReadScalar {
  if (schema.format === 'duration') return readDuration(schema, text)
  if (schema.format === 'command' && commandWords(text) === undefined) {
    return {
      what: `${JSON.stringify(text)} leaves a quote open`,
      expected: 'a command with closed quotes, or a list',
    }
  }
  const shell = schema.format === 'command' ? shellWord(text) : undefined
  if (shell !== undefined) {
    return {
      value: text,
      warning: `no shell reads this command: ${JSON.stringify(shell)} is handed on as it stands`,
      hint: shell.includes('=')
        ? 'set variables in `env`'
        : 'quote it if it is meant so, or write ["sh", "-c", "exec …"]',
    }
  }
  if (schema.format === 'size') {
    const value = parseSize(text)
    return value === undefined || value === 0
      ? { what: JSON.stringify(text), expected: 'a size such as 16MB' }
      : { value }
  }
  // `off` and `on` are booleans to YAML's older readers and words to us.
  const word = raw === true ? 'on' : raw === false ? 'off' : text
  const known =
    schema.enum === undefined || schema.enum.includes(text)
      ? text
      : schema.enum.includes(word)
        ? word
        : undefined
  if (schema.notYetValues?.some((value) => value === text) === true) {
    return { what: `${JSON.stringify(text)} is not supported yet`, expected: describe(schema) }
  }
  if (known === undefined) return { what: JSON.stringify(text), expected: describe(schema) }
  if (schema.notYetPattern !== undefined && new RegExp(schema.notYetPattern).test(known)) {
    return { what: `${JSON.stringify(text)} is not supported yet`, expected: describe(schema) }
  }
  if (schema.pattern !== undefined && !new RegExp(schema.pattern).test(known)) {
    return { what: JSON.stringify(text), expected: schema.patternText ?? `a text like ${schema.pattern}` }
  }
  return { value: known }
}

function readDuration(schema: StringSchema, text: string): ReadScalar {
  const value = parseDuration(text)
  const expected = 'a duration such as 500ms, 60s or 5m'
  if (value === undefined) {
    const hint = /^\d+(\.\d+)?$/.test(text) ? `write ${text}s if seconds are meant` : undefined
    return { what: JSON.stringify(text), expected, ...(hint === undefined ? {} : { hint }) }
  }
  if (value === 0 && schema.zero !== 'allowed') return { what: 'zero', expected: `${expected}, above zero` }
  return { value }
}
