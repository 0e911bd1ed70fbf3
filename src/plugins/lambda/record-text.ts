/** The JSON text of a record as it came, and of what is left of it once its body is taken out. Pure. */
import { membersOf, type Slice } from './json-slices.js'

/** Texts of one record. */
export interface RecordText {
  /** The record. */
  whole(): string
  /** The record without its body. */
  rest(): string
}

/** Slices of the event's own text, so that numbers keep their digits. `body` is the path of what became the body. */
export function slicedText(json: Buffer, record: Slice, body: readonly string[]): RecordText {
  return {
    whole: () => json.toString('utf8', record.start, record.end),
    rest: () => textWithout(json, record, body),
  }
}

/** For a record that is equal to its text when it is written again. */
export function writtenText(record: object, rest: object): RecordText {
  return { whole: () => JSON.stringify(record), rest: () => JSON.stringify(rest) }
}

/** Whether a value holds a number, which may have had more digits than it has now. */
export function holdsNumber(value: unknown): boolean {
  if (typeof value === 'number') return true
  return typeof value === 'object' && value !== null && Object.values(value).some(holdsNumber)
}

/** The text of an object without one of its members; `changed` takes the place of members or is added. */
export function textWithout(
  json: Buffer,
  object: Slice,
  [left, ...deeper]: readonly string[],
  changed: Readonly<Record<string, string>> = {},
): string {
  const members = [...membersOf(json, object)].flatMap(([key, slice]) => {
    if (Object.hasOwn(changed, key)) return []
    if (key !== left) return [member(key, json.toString('utf8', slice.start, slice.end))]
    return deeper.length === 0 ? [] : [member(key, textWithout(json, slice, deeper))]
  })
  return `{${[...members, ...Object.entries(changed).map(([key, text]) => member(key, text))].join(',')}}`
}

/** A record in its list. */
export interface PlacedText {
  readonly place: readonly [key: string, group?: string]
  /** Empty: the list is there without the record. */
  readonly text: string
}

/** An event that holds these records, and beside them `shared`: the members of a JSON object without its braces. */
export function batchText(shared: string, records: readonly PlacedText[]): string {
  const groups = new Map<string | undefined, string[]>()
  for (const { place, text } of records) {
    const group = groups.get(place[1]) ?? []
    groups.set(place[1], group)
    if (text !== '') group.push(text)
  }
  const key = records[0]?.place[0] ?? 'Records'
  const lists = [...groups].map(([group, texts]) => {
    const list = `[${texts.join(',')}]`
    return group === undefined ? list : member(group, list)
  })
  const value = groups.has(undefined) ? lists.join('') : `{${lists.join(',')}}`
  return `{${shared === '' ? '' : `${shared},`}${member(key, value)}}`
}

function member(key: string, text: string): string {
  return `${JSON.stringify(key)}:${text}`
}
