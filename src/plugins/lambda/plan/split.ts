/**
 * An event's bytes → what is to be run: the event as one job, or the records of a batch in lanes. Records of one lane must
 * run in order, different lanes may run side by side. Pure.
 */
import { isObject, type JsonObject, objectOf, parseJson, textOf } from '../../../index.js'
import {
  amazonMqRecords,
  amazonMqSources,
  kafkaRecords,
  type LanedRecord,
  splitRecords,
} from './batch-records.js'
import { wholeText } from './json-slices.js'
import type { RecordPlan } from './record.js'
import { textWithout } from './record-text.js'

/** Work of an event. `lanes` hold indexes into `records`. */
export type EventPlan =
  | { readonly kind: 'event'; readonly source: string | null }
  | {
      readonly kind: 'batch'
      readonly source: string
      readonly records: readonly RecordPlan[]
      readonly lanes: readonly (readonly number[])[]
      /** Members of the event without its records: JSON text without the braces. */
      readonly shared: string
      /** Lambda takes the names of failed records; without that, one failure is the whole event's. */
      readonly isPartial: boolean
    }

/** Options of a split. */
export interface SplitOptions {
  /** `mode: event` never splits. */
  readonly isSplit: boolean
  readonly fifo: 'group' | 'strict'
  /** The key of Kafka's item identifiers; `partition` by default. */
  readonly kafkaIdentifier?: 'partition' | 'topic-partition'
  /** Amazon MQ knows no partial failures; by default its events are one job. */
  readonly splitsAmazonMq?: boolean
  /** Plans a tumbling window as a batch: to know its records, not to run them one by one. */
  readonly splitsWindows?: boolean
}

// With their quotes: an API's event often holds JSON within a text, where these are escaped.
const sourceKeys = ['"eventSource"', '"EventSource"']
const backslash = 0x5c
/** Such a key, each letter as it is or escaped. */
const spelledKey = new RegExp(`"(?:e|E|\\\\u0065|\\\\u0045)${[...'ventSource'].map(spelling).join('')}"`)
// The key with every letter escaped and its quotes.
const spelledBytesMax = 2 + 'eventSource'.length * '\\u0065'.length
// Part by part: a text of megabytes costs more to be made than to be searched.
const partBytes = 64 * 1024

function spelling(letter: string): string {
  return `(?:${letter}|\\\\u00${letter
    .charCodeAt(0)
    .toString(16)
    .replace(/[a-f]/, (digit) => `[${digit}${digit.toUpperCase()}]`)})`
}

/**
 * Tells whether an event has a key that names a source, in any spelling. Encoders escape every letter beyond ASCII, so an escape alone
 * says nothing; one look for such a key costs less than a search for each of the escapes that could spell it.
 */
function mayHaveSource(body: Buffer): boolean {
  if (sourceKeys.some((key) => body.includes(key))) return true
  if (!body.includes(backslash)) return false
  for (let at = 0; at < body.length; at += partBytes)
    if (spelledKey.test(body.toString('latin1', at, at + partBytes + spelledBytesMax))) return true
  return false
}

/**
 * Plans an event. An event that is not a well-formed batch of a known source is one job, since its records could not be
 * named in an answer.
 */
export function planEvent(body: Buffer, options: SplitOptions): EventPlan {
  // Parsing a big event costs more than everything else. An event without these bytes has no source.
  if (!mayHaveSource(body)) return { kind: 'event', source: null }
  // Lambda lets a direct caller send what is not JSON, and the worker gets it as it came.
  const event = parseJson(body)
  if (!isObject(event)) return { kind: 'event', source: null }
  const records = Array.isArray(event.Records) ? event.Records : undefined
  const source = sourceOf(event, records?.[0])
  if (!options.isSplit || source === null) return { kind: 'event', source }
  // The answer of a tumbling window holds its state: only a handler of the whole event can make it.
  if (event.window !== undefined && options.splitsWindows !== true) return { kind: 'event', source }
  const isMq = amazonMqSources.has(source)
  if (isMq && options.splitsAmazonMq !== true) return { kind: 'event', source }
  const laned = isMq
    ? amazonMqRecords(event, body)
    : isKafka(source)
      ? kafkaRecords(event.records, body, options.kafkaIdentifier ?? 'partition')
      : splitRecords(source, records, { json: body, fifo: options.fifo })
  if (laned === undefined || laned.length === 0) return { kind: 'event', source }
  const plans = laned.map((record) => record.plan)
  const shared = sharedText(event, body, plans)
  return { kind: 'batch', source, records: plans, lanes: toLanes(laned), shared, isPartial: !isMq }
}

function sharedText(event: JsonObject, body: Buffer, [first]: readonly RecordPlan[]): string {
  if (first === undefined || Object.keys(event).length === 1) return ''
  return textWithout(body, wholeText(body), [first.place[0]]).slice(1, -1)
}

function sourceOf(event: JsonObject, first: unknown): string | null {
  const record = objectOf(first)
  return textOf(record.eventSource) ?? textOf(record.EventSource) ?? textOf(event.eventSource) ?? null
}

function isKafka(source: string): boolean {
  return source === 'aws:kafka' || source === 'SelfManagedKafka' || source === 'aws:SelfManagedKafka'
}

function toLanes(records: readonly LanedRecord[]): number[][] {
  const lanes: number[][] = []
  const byName = new Map<string, number[]>()
  for (const [index, { lane }] of records.entries()) {
    const known = lane === undefined ? undefined : byName.get(lane)
    if (known !== undefined) {
      known.push(index)
      continue
    }
    const fresh = [index]
    lanes.push(fresh)
    if (lane !== undefined) byName.set(lane, fresh)
  }
  return lanes
}
