/** Records of Kafka ↔ jobs. RoadRunner's properties are headers with its names. Pure. */
import { isObject, parseJson } from '../../index.js'
import { headersOf } from '../../work/protocols/record-headers.js'
import type { Delivery, Headers, NewJob } from '../../work/source.js'
import type { FetchedRecord, RecordHeader } from './fetched-record.js'
import type { HeldRecord } from './partition.js'

/** A record to write. */
export interface NewRecord {
  readonly topic: string
  readonly key?: Buffer
  readonly value?: Buffer
  readonly headers: Map<Buffer, Buffer>
  readonly partition?: number
}

/** Names of headers that have a place of their own in a job. */
export const jobHeader = {
  id: 'rr_id',
  job: 'rr_job',
  pipeline: 'rr_pipeline',
  headers: 'rr_headers',
  priority: 'rr_priority',
  autoAck: 'rr_auto_ack',
} as const

const priorityMax = 1000
const noBytes = Buffer.alloc(0)

/** Name of a partition, which is its lane. */
export function placeName({ topic, index }: { readonly topic: string; readonly index: number }): string {
  return `${topic}-${index}`
}

/** Makes a delivery of a record in hand. */
export function kafkaDelivery(held: HeldRecord, priorityDefault: number): Delivery {
  const { partition, record, failedTries } = held
  const { topic, index } = partition
  const text = (name: string) => textOfHeader(record.headers, name)
  const priority = Number(text(jobHeader.priority) || Number.NaN)
  const [id, name, pipeline] = [text(jobHeader.id), text(jobHeader.job), text(jobHeader.pipeline)]
  const job = {
    queue: topic,
    ...(id === undefined ? {} : { id }),
    ...(name === undefined ? {} : { name }),
    ...(pipeline === undefined ? {} : { pipeline }),
  }
  return {
    id: `${placeName(partition)}/${record.offset}`,
    source: 'aws:kafka',
    body: record.value ?? noBytes,
    record: kafkaRecord(topic, index, record),
    headers: { ...nativeHeaders(record.headers), ...jobHeaders(text(jobHeader.headers)) },
    attempt: failedTries + 1,
    priority: priority >= 1 && priority <= priorityMax ? priority : priorityDefault,
    lane: placeName(partition),
    job,
    ...(text(jobHeader.autoAck) === 'true' ? { autoAck: true } : {}),
    isTakenBack: () => held.isStale || !partition.isRun,
  }
}

/** The record without its value, as AWS's event-source mapping hands it over; a record without a value (a tombstone) says so. */
function kafkaRecord(topic: string, partition: number, record: FetchedRecord) {
  const { offset, timestampMs, isLogTime, key, value, headers } = record
  return {
    topic,
    partition,
    offset,
    timestamp: timestampMs,
    timestampType: isLogTime ? 'LOG_APPEND_TIME' : 'CREATE_TIME',
    key: key === null ? null : key.toString('base64'),
    ...(value === null ? { value } : {}),
    headers: headers.map(([name, bytes]) => ({ [name]: [...new Int8Array(bytes)] })),
  }
}

/** The text of a header; undefined where there is none, or it is empty. The last of a name counts. */
export function textOfHeader(headers: readonly RecordHeader[], name: string): string | undefined {
  return headers.findLast(([key]) => key === name)?.[1].toString('utf8') || undefined
}

function nativeHeaders(headers: readonly RecordHeader[]): Headers {
  const found = new Map<string, string[]>()
  for (const [name, value] of headers)
    if (!name.startsWith('rr_')) found.set(name, [...(found.get(name) ?? []), value.toString('utf8')])
  return Object.fromEntries(found)
}

function jobHeaders(json: string | undefined): Headers {
  const given = json === undefined ? undefined : parseJson(json)
  return isObject(given) ? headersOf(given) : {}
}

/** Options of written records. */
export interface WriteOptions {
  readonly pipeline: string
  /** Topic of jobs that name none. */
  readonly topic: string
  /** Header that becomes the key; empty: none. */
  readonly laneHeader: string
}

/** Writes a new job. Its key is its lane, or what the header says. */
export function recordOfJob(job: NewJob, { pipeline, topic, laneHeader }: WriteOptions): NewRecord {
  const { id, name, body, headers, priority, autoAck, place = {} } = job
  const lane = job.lane ?? (laneHeader === '' ? undefined : headers[laneHeader]?.[0])
  const texts: readonly (readonly [string, string])[] = [
    [jobHeader.id, id],
    [jobHeader.job, name],
    [jobHeader.pipeline, pipeline],
    [jobHeader.headers, Object.keys(headers).length === 0 ? '' : JSON.stringify(headers)],
    [jobHeader.priority, String(priority)],
    [jobHeader.autoAck, autoAck === true ? 'true' : ''],
  ]
  return {
    topic: place.topic ?? topic,
    value: Buffer.from(body),
    headers: headerMap(
      texts.filter(([, text]) => text !== '').map(([key, text]) => [key, Buffer.from(text)]),
    ),
    ...(lane === undefined ? {} : { key: Buffer.from(lane) }),
    ...(place.partition === undefined ? {} : { partition: place.partition }),
  }
}

/** Headers for the client: its map has bytes as keys, so that a name may come twice. */
export function headerMap(headers: readonly RecordHeader[]): Map<Buffer, Buffer> {
  return new Map(headers.map(([name, value]) => [Buffer.from(name), value]))
}
