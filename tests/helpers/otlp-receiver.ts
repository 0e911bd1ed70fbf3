/** A collector: takes OTLP over HTTP in protobuf, and keeps the spans that came. */
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { TestContext } from 'node:test'
import { gunzipSync } from 'node:zlib'
import { PbfReader as Pbf } from 'pbf'
import { eventually } from './wait.js'

/** A span as it came. */
export interface ReceivedSpan {
  readonly traceId: string
  readonly spanId: string
  readonly parentSpanId: string
  readonly name: string
  /** 1 internal, 2 server, 5 consumer. */
  readonly kind: number
  readonly startNs: bigint
  readonly endNs: bigint
  readonly attributes: Readonly<Record<string, unknown>>
  readonly events: readonly string[]
  readonly links: readonly string[]
  /** 2 is an error. */
  readonly status: number
  readonly message: string
  readonly resource: Readonly<Record<string, unknown>>
}

/** A running collector. */
export interface OtlpReceiver {
  readonly port: number
  readonly spans: readonly ReceivedSpan[]
  /** Paths and headers of the requests. */
  readonly requests: readonly { readonly path: string; readonly headers: IncomingHttpHeaders }[]
  /** Status of the answers. */
  status: number
  /** Resolves with the spans once there are `count` that `match`. */
  until(count: number, match?: (span: ReceivedSpan) => boolean): Promise<readonly ReceivedSpan[]>
  close(): Promise<void>
}

/** Starts it; closed when the test ends. */
export async function otlpReceiver(t: TestContext, port = 0): Promise<OtlpReceiver> {
  const spans: ReceivedSpan[] = []
  const requests: OtlpReceiver['requests'][number][] = []
  const server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk) => chunks.push(chunk))
    request.on('end', () => {
      requests.push({ path: request.url ?? '', headers: request.headers })
      const bytes = Buffer.concat(chunks)
      if (receiver.status === 200)
        spans.push(...readExport(request.headers['content-encoding'] === 'gzip' ? gunzipSync(bytes) : bytes))
      response.writeHead(receiver.status, { 'Content-Type': 'application/x-protobuf' }).end()
    })
  })
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve))
  const receiver: OtlpReceiver = {
    port: (server.address() as AddressInfo).port,
    spans,
    requests,
    status: 200,
    async until(count, match = () => true) {
      await eventually(() => spans.filter(match).length >= count)
      return spans.filter(match)
    },
    close: () => closed(server),
  }
  t.after(() => closed(server))
  return receiver
}

async function closed(server: Server): Promise<void> {
  server.closeAllConnections()
  await new Promise((resolve) => server.close(resolve))
}

type Reader<T> = (tag: number, into: T, pbf: Pbf) => void

/** Reads a message whose length stands before it, or the whole buffer. */
function read<T>(pbf: Pbf, into: T, reader: Reader<T>, end = pbf.readVarint() + pbf.pos): T {
  return pbf.readFields(reader, into, end)
}

const hex = (pbf: Pbf) => Buffer.from(pbf.readBytes()).toString('hex')

function fixed64(pbf: Pbf): bigint {
  const low = BigInt(pbf.readFixed32())
  return low + (BigInt(pbf.readFixed32()) << 32n)
}

function readExport(bytes: Buffer): readonly ReceivedSpan[] {
  const spans: ReceivedSpan[] = []
  const pbf = new Pbf(bytes)
  read(pbf, spans, (tag, all) => tag === 1 && all.push(...readResourceSpans(pbf)), bytes.length)
  return spans
}

function readResourceSpans(pbf: Pbf): readonly ReceivedSpan[] {
  const resource = {}
  const spans: Omit<ReceivedSpan, 'resource'>[] = []
  read(pbf, spans, (tag) => {
    if (tag === 1) read(pbf, resource, (inner) => inner === 1 && readAttribute(pbf, resource))
    if (tag === 2) read(pbf, spans, (inner) => inner === 2 && spans.push(readSpan(pbf)))
  })
  return spans.map((span) => ({ ...span, resource }))
}

function readSpan(pbf: Pbf): Omit<ReceivedSpan, 'resource'> {
  const attributes = {}
  const [events, links]: [string[], string[]] = [[], []]
  const span = {
    ...{ traceId: '', spanId: '', parentSpanId: '', name: '', kind: 0, startNs: 0n, endNs: 0n },
    ...{ attributes, events, links, status: 0, message: '' },
  }
  return read(pbf, span, (tag, into) => {
    if (tag === 1) into.traceId = hex(pbf)
    else if (tag === 2) into.spanId = hex(pbf)
    else if (tag === 4) into.parentSpanId = hex(pbf)
    else if (tag === 5) into.name = pbf.readString()
    else if (tag === 6) into.kind = pbf.readVarint()
    else if (tag === 7) into.startNs = fixed64(pbf)
    else if (tag === 8) into.endNs = fixed64(pbf)
    else if (tag === 9) readAttribute(pbf, attributes)
    else if (tag === 11) read(pbf, events, (inner) => inner === 2 && events.push(pbf.readString()))
    else if (tag === 13) read(pbf, links, (inner) => inner === 2 && links.push(hex(pbf)))
    else if (tag === 15)
      read(pbf, into, (inner) => {
        if (inner === 2) into.message = pbf.readString()
        if (inner === 3) into.status = pbf.readVarint()
      })
  })
}

function readAttribute(pbf: Pbf, into: Record<string, unknown>): void {
  let key = ''
  let value: unknown
  read(pbf, undefined, (tag) => {
    if (tag === 1) key = pbf.readString()
    if (tag === 2)
      read(pbf, undefined, (kind) => {
        if (kind === 1) value = pbf.readString()
        if (kind === 2) value = pbf.readBoolean()
        if (kind === 3) value = pbf.readVarint(true)
        if (kind === 4) value = pbf.readDouble()
      })
  })
  into[key] = value
}
