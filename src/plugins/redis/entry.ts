/** Entries of a stream ↔ deliveries and new jobs. Pure. */
import { isObject, parseJson } from '../../index.js'
import type { Delivery, Headers, KeptMessage, NewJob } from '../../work/index.js'
import { jobRecord } from '../../work/queues/job-record.js'

/** An entry as Redis delivers it: its id, and names and values in turn. */
export type StreamEntry = readonly [id: Buffer, fields: readonly Buffer[]]

/** Facts about the queue of an entry. */
export interface StreamFacts {
  readonly queue: string
  /** Priority of jobs that have none. */
  readonly priority: number
  /** Wall-clock ms at which the lease ends. */
  readonly expiresAtMs: number
}

/** Makes a delivery; `count` is how often this entry was delivered. */
export function streamDelivery([entryId, list]: StreamEntry, count: number, facts: StreamFacts): Delivery {
  const receipt = entryId.toString()
  const fields = fieldsOf(list)
  const text = (name: string) => fields.get(name)?.toString() ?? ''
  const id = text('message') || receipt
  const { queue, priority, expiresAtMs } = facts
  const own = Number(text('priority'))
  const tried = Number(text('attempts'))
  const ownId = text('id')
  return {
    id,
    source: 'redis',
    body:
      fields.get('body') ??
      JSON.stringify(Object.fromEntries([...fields].map(([key, value]) => [key, value.toString()]))),
    record: jobRecord({
      kind: 'redis',
      id,
      ownId,
      name: text('job'),
      pipeline: text('pipeline'),
      queue,
      receipt,
    }),
    headers: headersOfText(text('headers')),
    attempt: (Number.isInteger(tried) && tried > 0 ? tried : 0) + count,
    priority: Number.isInteger(own) && own >= 1 && own <= 1000 ? own : priority,
    expiresAtMs,
    ...(text('auto_ack') === '1' ? { autoAck: true } : {}),
  }
}

/** Makes names and values of a new job's entry; `message` is the id that it keeps. */
export function entryOfJob(job: NewJob, pipeline: string, message: string): (string | Buffer)[] {
  const { id, name, body, headers, priority, autoAck } = job
  const list: (string | Buffer)[] = [
    ...['message', message, 'id', id, 'job', name, 'pipeline', pipeline],
    ...['priority', String(priority)],
  ]
  if (Object.keys(headers).length > 0) list.push('headers', JSON.stringify(headers))
  if (autoAck === true) list.push('auto_ack', '1')
  list.push('body', typeof body === 'string' ? body : Buffer.from(body))
  return list
}

/** Reads a kept entry. */
export function keptEntry([entryId, list]: StreamEntry): KeptMessage & { readonly entry: string } {
  const fields = fieldsOf(list)
  const text = (name: string) => fields.get(name)?.toString() ?? ''
  const attempts = text('attempts')
  const atMs = text('failed_at')
  return {
    entry: entryId.toString(),
    id: text('message') || entryId.toString(),
    name: text('job'),
    why: text('why'),
    attempt: attempts === '' ? undefined : Number(attempts),
    atMs: atMs === '' ? undefined : Number(atMs),
  }
}

function fieldsOf(list: readonly Buffer[]): ReadonlyMap<string, Buffer> {
  const fields = new Map<string, Buffer>()
  for (let at = 0; at + 1 < list.length; at += 2) {
    const [name, value] = [list[at], list[at + 1]]
    if (name !== undefined && value !== undefined) fields.set(name.toString(), value)
  }
  return fields
}

/** JSON: an object of lists of texts. */
function headersOfText(text: string): Headers {
  const given = text === '' ? undefined : parseJson(text)
  if (!isObject(given)) return {}
  return Object.fromEntries(
    Object.entries(given).map(([key, value]) => [key, (Array.isArray(value) ? value : [value]).map(String)]),
  )
}
