/**
 * Any value → JSON text, for the log: what plain JSON would throw on, lose or cut (a cycle, a BigInt, a Map, an error, a getter that
 * throws) becomes readable text. Never throws; depth and size are bounded. Pure.
 */

/** JSON text that goes into the log as it is: a worker's own value, whose digits and keys must not change. */
export class RawJson {
  readonly text: string

  constructor(text: string) {
    this.text = text
  }
}

const depthMax = 64
const nodesMax = 100_000
const causesMax = 4

/** State of a walk: the remaining budget for one value, and the objects around it. */
interface Walk {
  nodesLeft: number
  readonly parents: Set<object>
  readonly causes: number
}

/** The JSON text of anything. */
export function jsonText(value: unknown): string {
  switch (typeof value) {
    case 'string':
      return JSON.stringify(value)
    case 'number':
    case 'boolean':
      return numberText(value)
    default:
      return guarded(() => textOf(value, { nodesLeft: nodesMax, parents: new Set(), causes: 0 }))
  }
}

function numberText(value: number | boolean): string {
  // JSON has neither; `null` would hide which.
  return typeof value === 'number' && !Number.isFinite(value) ? `"${value}"` : String(value)
}

/** A getter, a proxy or a `toJSON` of somebody else's may throw anything. */
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
    return 'something that cannot be told'
  }
}

function textOf(value: unknown, walk: Walk): string {
  walk.nodesLeft -= 1
  switch (typeof value) {
    case 'string':
      return JSON.stringify(value)
    case 'number':
    case 'boolean':
      return numberText(value)
    case 'bigint':
      return String(value)
    case 'undefined':
      return 'null'
    case 'symbol':
      return JSON.stringify(String(value))
    case 'function':
      return JSON.stringify(`(function ${value.name || 'without a name'})`)
    default:
      return typeof value === 'object' && value !== null ? objectText(value, walk) : 'null'
  }
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

/** Fields of an error: code, message, hint, cause, and the stack unless it is a RelayError, whose message says enough. */
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
