/** Headers of a message as RoadRunner's workers get them: lists of texts by name. Pure. */
import { isObject } from '../../index.js'
import type { Headers } from '../../work/index.js'

/** Turns a message's headers into texts as RoadRunner does: members of a table stand beside it. RoadRunner's own are left out. */
export function messageHeaders(headers: Readonly<Record<string, unknown>>): Headers {
  const texts = new Map<string, string[]>()
  for (const [key, value] of Object.entries(headers)) if (!key.startsWith('rr_')) add(texts, key, value)
  return Object.fromEntries(texts)
}

function add(texts: Map<string, string[]>, key: string, value: unknown): void {
  if (value === null || value === undefined) return
  if (Array.isArray(value)) {
    for (const one of value) add(texts, key, one)
    return
  }
  if (isObject(value) && !Buffer.isBuffer(value)) {
    const special = textOfSpecial(value)
    if (special === undefined) for (const [name, one] of Object.entries(value)) add(texts, name, one)
    else texts.set(key, [...(texts.get(key) ?? []), special])
    return
  }
  texts.set(key, [...(texts.get(key) ?? []), textOfValue(value)])
}

function textOfValue(value: unknown): string {
  if (Buffer.isBuffer(value)) return value.toString('utf8')
  if (typeof value === 'number' && !Number.isInteger(value)) return value.toFixed(5)
  return String(value)
}

/** The client marks what JavaScript has no type for: `{ '!': 'timestamp', value }`. */
function textOfSpecial(value: Readonly<Record<string, unknown>>): string | undefined {
  const { '!': type, value: inner } = value
  if (typeof type !== 'string') return undefined
  if (type === 'timestamp') return new Date(Number(inner) * 1000).toISOString().replace('.000Z', 'Z')
  if (type === 'decimal' && isObject(inner)) {
    const { places, digits } = inner
    return (Number(digits) / 10 ** Number(places)).toFixed(Number(places))
  }
  return String(inner)
}
