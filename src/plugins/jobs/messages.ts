/** The protobuf messages of RoadRunner's `jobs.v1`, with the field numbers of its .proto file, and the shapes of the same as JSON. */
import type { ProtoMessage, Schema } from '../../index.js'

type Reader = Parameters<ProtoMessage<unknown>['read']>[0]
type Writer = Parameters<ProtoMessage<unknown>['write']>[1]

/** `HeaderValue`: the values of one header. */
interface HeaderValueMessage {
  readonly value?: readonly string[] | undefined
}

/** `Options` of a job. */
interface OptionsMessage {
  readonly priority?: number | undefined
  readonly pipeline?: string | undefined
  /** Seconds. */
  readonly delay?: number | undefined
  readonly auto_ack?: boolean | undefined
  /** Topic of Kafka's driver. */
  readonly topic?: string | undefined
  readonly partition?: number | undefined
}

/** `Job`. As JSON its payload is base64. */
export interface JobMessage {
  readonly job?: string | undefined
  readonly id?: string | undefined
  readonly payload?: Uint8Array | string | undefined
  /** The payload of a message in PROTO that is ASCII: a text takes less memory than bytes. */
  readonly text?: string | undefined
  readonly headers?: Readonly<Record<string, HeaderValueMessage>> | undefined
  readonly options?: OptionsMessage | undefined
}

/** `Stat` of one pipeline. */
export interface StatMessage {
  readonly pipeline: string
  readonly driver: string
  readonly queue: string
  readonly active: number
  readonly delayed: number
  readonly reserved: number
  readonly ready: boolean
  readonly priority: number
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] }

/** Reads a message field by field; unknown fields are skipped. */
function reads<T>(make: () => T, take: (result: T, field: number, reader: Reader) => void) {
  return (reader: Reader, end?: number): T =>
    reader.readFields((field, result, pbf) => take(result, field, pbf), make(), end)
}

/** Reads a message within another one. */
function inner<T>(read: (reader: Reader, end?: number) => T, reader: Reader): T {
  return read(reader, reader.readVarint() + reader.pos)
}

const noBytes = new Uint8Array()
// A larger payload would keep the whole request in memory.
const viewBytesMax = 4096

const asciiMax = 0x7f

/** Reads a payload as text where that is the same and short, else as bytes. */
function readPayload(result: Mutable<JobMessage>, reader: Reader): void {
  const end = reader.readVarint() + reader.pos
  const { buf, pos: start } = reader
  let at = start
  if (end - start <= viewBytesMax) while (at < end && (buf[at] ?? Number.NaN) <= asciiMax) at += 1
  reader.pos = end
  if (at === end)
    result.text = Buffer.from(buf.buffer, buf.byteOffset, buf.length).toString('latin1', start, end)
  else result.payload = ownBytes(buf.subarray(start, end))
}

function ownBytes(view: Uint8Array): Uint8Array {
  return view.length > viewBytesMax ? view.slice() : view
}

/** Name of the last job: those of a batch mostly share one, and then share its text. */
let lastName = ''

function readName(reader: Reader): string {
  const name = reader.readString()
  if (name !== lastName) lastName = name
  return lastName
}

const readHeaderValue = reads(
  (): { value: string[] } => ({ value: [] }),
  (result, field, reader) => {
    if (field === 1) result.value.push(reader.readString())
  },
)

const readHeader = reads(
  () => ({ key: '', value: { value: [] as readonly string[] } }),
  (result, field, reader) => {
    if (field === 1) result.key = reader.readString()
    else if (field === 2) result.value = inner(readHeaderValue, reader)
  },
)

const readOptions = reads(
  (): Mutable<OptionsMessage> => ({}),
  (result, field, reader) => {
    if (field === 1) result.priority = reader.readVarint(true)
    else if (field === 2) result.pipeline = reader.readString()
    else if (field === 3) result.delay = reader.readVarint(true)
    else if (field === 6) result.auto_ack = reader.readBoolean()
    else if (field === 7) result.topic = reader.readString()
    else if (field === 10) result.partition = reader.readVarint(true)
  },
)

const readJob = reads(
  (): Mutable<JobMessage> & { readonly entries: [string, HeaderValueMessage][] } => ({
    entries: [],
    payload: noBytes,
  }),
  (result, field, reader) => {
    if (field === 1) result.job = readName(reader)
    else if (field === 2) result.id = reader.readString()
    // Bytes are a view into the request, which the server has copied for it: small jobs of one batch live about as long.
    else if (field === 3) readPayload(result, reader)
    else if (field === 4) {
      const { key, value } = inner(readHeader, reader)
      result.entries.push([key, value])
      result.headers = Object.fromEntries(result.entries)
    } else if (field === 5) result.options = inner(readOptions, reader)
  },
)

const readPair = reads(
  () => ({ key: '', value: '' }),
  (result, field, reader) => {
    if (field === 1) result.key = reader.readString()
    else if (field === 2) result.value = reader.readString()
  },
)

/** `PushRequest`. */
export const pushRequest: ProtoMessage<{ readonly job?: JobMessage | undefined }> = {
  read: reads(
    (): { job?: JobMessage } => ({}),
    (result, field, reader) => {
      if (field === 1) result.job = inner(readJob, reader)
    },
  ),
  write: neverWritten,
}

/** `PushBatchRequest`. */
export const pushBatchRequest: ProtoMessage<{ readonly jobs?: readonly JobMessage[] | undefined }> = {
  read: reads(
    (): { jobs: JobMessage[] } => ({ jobs: [] }),
    (result, field, reader) => {
      if (field === 1) result.jobs.push(inner(readJob, reader))
    },
  ),
  write: neverWritten,
}

/** `Pipelines`: names. */
export const pipelinesMessage: ProtoMessage<{ readonly pipelines?: readonly string[] | undefined }> = {
  read: reads(
    (): { pipelines: string[] } => ({ pipelines: [] }),
    (result, field, reader) => {
      if (field === 1) result.pipelines.push(reader.readString())
    },
  ),
  write({ pipelines = [] }, writer) {
    for (const name of pipelines) {
      writer.writeTag(1, 2)
      writer.writeString(name)
    }
  },
}

/** `DeclareRequest`: keys of a pipeline, all of them texts. */
export const declareRequest: ProtoMessage<{
  readonly pipeline?: Readonly<Record<string, string>> | undefined
}> = {
  read(reader, end) {
    const pairs = reads(
      (): [string, string][] => [],
      (result, field, pbf) => {
        if (field !== 1) return
        const { key, value } = inner(readPair, pbf)
        result.push([key, value])
      },
    )
    return { pipeline: Object.fromEntries(pairs(reader, end)) }
  },
  write: neverWritten,
}

/** `Empty`. */
export const emptyMessage: ProtoMessage<object> = {
  read: reads(
    () => ({}),
    () => undefined,
  ),
  write: () => undefined,
}

/** `Stats`. Fields that are zero are not written, as in every encoding of proto3. */
export const statsMessage: ProtoMessage<{ readonly stats?: readonly Partial<StatMessage>[] | undefined }> = {
  read: neverRead,
  write({ stats = [] }, writer) {
    for (const stat of stats) writer.writeMessage(1, writeStat, stat)
  },
}

function writeStat(stat: Partial<StatMessage>, writer: Writer): void {
  const { pipeline = '', driver = '', queue = '', ready = false } = stat
  for (const [at, text] of [pipeline, driver, queue].entries()) {
    if (text === '') continue
    writer.writeTag(at + 1, 2)
    writer.writeString(text)
  }
  for (const [at, count] of [stat.active, stat.delayed, stat.reserved].entries())
    writeNumber(at + 4, count, writer)
  if (ready) {
    writer.writeTag(7, 0)
    writer.writeBoolean(true)
  }
  writeNumber(8, stat.priority, writer)
}

function writeNumber(field: number, value: number | undefined, writer: Writer): void {
  if (value === undefined || value === 0) return
  writer.writeTag(field, 0)
  writer.writeVarint(value)
}

// Requests are only read and answers only written here.
function neverWritten(): never {
  throw new Error('bug in relayrunner: a request is not written')
}
function neverRead(): never {
  throw new Error('bug in relayrunner: an answer is not read')
}

const text = { type: 'string' } as const
const count = { type: 'integer' } as const
const flag = { type: 'boolean' } as const

/** `Job` as JSON: names of the .proto file, bytes as base64. */
const jobSchema = {
  type: 'object',
  optional: true,
  properties: {
    job: text,
    id: text,
    payload: text,
    headers: {
      type: 'map',
      values: { type: 'object', properties: { value: { type: 'array', items: text } } },
    },
    options: {
      type: 'object',
      optional: true,
      properties: {
        priority: count,
        pipeline: text,
        delay: count,
        auto_ack: flag,
        // Of Kafka's driver.
        topic: text,
        metadata: text,
        offset: count,
        partition: count,
      },
    },
  },
} as const satisfies Schema

/** Shapes of JSON requests. */
export const requestSchemas = {
  push: { type: 'object', properties: { job: jobSchema } },
  pushBatch: { type: 'object', properties: { jobs: { type: 'array', items: jobSchema } } },
  pipelines: { type: 'object', properties: { pipelines: { type: 'array', items: text } } },
  declare: { type: 'object', properties: { pipeline: { type: 'map', values: text } } },
  empty: { type: 'object', properties: {} },
} as const satisfies Readonly<Record<string, Schema>>
