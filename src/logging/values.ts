/**
 * Writes any value as JSON text, for the log: values on which plain JSON throws, or which it loses or cuts (a cycle, a BigInt, a
 * Map, an error, a getter that throws), become readable text. Never throws; depth and size are bounded. Pure.
 */

/** JSON text that is written to the log unchanged: a worker's own value, whose digits and keys must stay. */
export class RawJson {
  readonly text: string

  constructor(text: string) {
    this.text = text
  }
}

const depthMax = 64
const nodesMax = 100_000
const causesMax = 4

/** State of a walk: the remaining budget for one value, and the objects around the current one. */
interface Walk {
  nodesLeft: number
  readonly parents: Set<object>
  readonly causes: number
}

/** Returns the JSON text of any value. */
export function jsonText(value: unknown): string {
  return isNested(value)
    ? guarded(() => objectText(value, { nodesLeft: nodesMax, parents: new Set(), causes: 0 }))
    : plainText(value)
}

function isNested(value: unknown): value is object {
  return typeof value === 'object' && value !== null
}

/** The text of a value without members. */
function plainText(value: unknown): string {
  switch (typeof value) {
    case 'string':
      return JSON.stringify(value)
    case 'number':
      // JSON has neither NaN nor infinities; `null` would hide which it was.
      return Number.isFinite(value) ? String(value) : `"${value}"`
    case 'boolean':
    case 'bigint':
      return String(value)
    case 'symbol':
      return JSON.stringify(String(value))
    case 'function':
      return guarded(() => JSON.stringify(`(function ${value.name || 'without a name'})`))
    default:
      return 'null'
  }
}

/** Runs code of others, a getter, a proxy or a `toJSON`, which may throw anything. */
function guarded(make: () => string): string {
  try {
    return make()
  } catch (error) {
    return JSON.stringify(`(not shown: ${faultText(error)})`)
  }
}

function faultText(error: unknown): string {
  try {
    return error instanceof Error ? error.message : String(error)
  } catch {
    return 'an error that cannot be read'
  }
}

function textOf(value: unknown, walk: Walk): string {
  walk.nodesLeft -= 1
  return isNested(value) ? objectText(value, walk) : plainText(value)
}

function objectText(value: object, walk: Walk): string {
  if (value instanceof RawJson) return value.text
  const { parents } = walk
  if (parents.has(value)) return '"(circular)"'
  if (parents.size >= depthMax) return '"(too deep)"'
  if (walk.nodesLeft <= 0) return '"(too large)"'
  parents.add(value)
  try {
    return guarded(() => contentText(value, walk))
  } finally {
    parents.delete(value)
  }
}

function contentText(value: object, walk: Walk): string {
  if (value instanceof Error) return errorText(value, walk)
  if (Array.isArray(value)) return listText(value, walk)
  if (value instanceof Map)
    return membersText(
      [...value].map(([key, one]) => [keyText(key), () => one]),
      walk,
    )
  if (value instanceof Set) return listText([...value], walk)
  if (ArrayBuffer.isView(value)) return JSON.stringify(`(${value.byteLength} bytes)`)
  if (value instanceof Date) return JSON.stringify(Number.isNaN(value.getTime()) ? 'Invalid Date' : value)
  if (value instanceof RegExp) return JSON.stringify(String(value))
  if ('toJSON' in value && typeof value.toJSON === 'function') return textOf(value.toJSON(), walk)
  const read = (key: string) => () => Reflect.get(value, key)
  return membersText(
    Object.keys(value).map((key) => [key, read(key)]),
    walk,
  )
}

function keyText(key: unknown): string {
  return typeof key === 'object' && key !== null ? '(object)' : String(key)
}

function listText(values: readonly unknown[], walk: Walk): string {
  const texts: string[] = []
  for (const one of values) {
    if (walk.nodesLeft <= 0) {
      texts.push(`"(${values.length - texts.length} more)"`)
      break
    }
    texts.push(textOf(one, walk))
  }
  return `[${texts.join(',')}]`
}

type Member = readonly [key: string, read: () => unknown]

function membersText(members: readonly Member[], walk: Walk): string {
  const texts: string[] = []
  for (const [key, read] of members) {
    if (walk.nodesLeft <= 0) {
      texts.push(`"(more)":${members.length - texts.length}`)
      break
    }
    const text = guarded(() => {
      const value = read()
      return value === undefined ? '' : textOf(value, walk)
    })
    if (text !== '') texts.push(`${JSON.stringify(key)}:${text}`)
  }
  return `{${texts.join(',')}}`
}

/** The members of an error: code, message, hint, cause, and the stack unless it is a RelayError, whose message says enough. */
function errorText(error: Error, walk: Walk): string {
  const isOurs = error.name === 'RelayError'
  const members: Member[] = [
    ['code', () => Reflect.get(error, 'code')],
    ['message', () => error.message],
    ['hint', () => Reflect.get(error, 'hint')],
    ['stack', () => (isOurs ? undefined : error.stack)],
    ['cause', () => (walk.causes < causesMax ? error.cause : undefined)],
    ['errors', () => (error instanceof AggregateError ? error.errors : undefined)],
  ]
  return membersText(members, { ...walk, causes: walk.causes + 1 })
}
