/** Builds the JSON text of a record, unchanged, and of the record without its body. Pure. */
import { memberText } from '../../../work/protocols/batch-text.js'
import { membersOf, type Slice } from './json-slices.js'

/** Texts of one record. */
export interface RecordText {
  /** The record. */
  whole(): string
  /** The record without its body. */
  rest(): string
}

/** Takes slices of the event's text, so that numbers keep their digits. `body` is the path of the member that became the body. */
export function slicedText(json: Buffer, record: Slice, body: readonly string[]): RecordText {
  return {
    whole: () => json.toString('utf8', record.start, record.end),
    rest: () => textWithout(json, record, body),
  }
}

/** Writes a record that serialises to the same text as it had in the event. */
export function writtenText(record: object, rest: object): RecordText {
  return { whole: () => JSON.stringify(record), rest: () => JSON.stringify(rest) }
}

/** Tells whether a value holds a number, which may have lost digits when it was parsed. */
export function holdsNumber(value: unknown): boolean {
  if (typeof value === 'number') return true
  return typeof value === 'object' && value !== null && Object.values(value).some(holdsNumber)
}

/** Returns the text of an object without one member; `changed` replaces members or is added. */
export function textWithout(
  json: Buffer,
  object: Slice,
  [left, ...deeper]: readonly string[],
  changed: Readonly<Record<string, string>> = {},
): string {
  const members = [...membersOf(json, object)].flatMap(([key, slice]) => {
    if (Object.hasOwn(changed, key)) return []
    if (key !== left) return [memberText(key, json.toString('utf8', slice.start, slice.end))]
    return deeper.length === 0 ? [] : [memberText(key, textWithout(json, slice, deeper))]
  })
  return `{${[...members, ...Object.entries(changed).map(([key, text]) => memberText(key, text))].join(',')}}`
}
