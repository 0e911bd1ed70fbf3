/**
 * Jobs that Laravel did not write, in a table that has room for payloads of Laravel only. An envelope is a payload whose class exists nowhere:
 * a worker of Laravel's own that takes one fails it into `failed_jobs`, with all that is in it. Pure.
 */
import { isObject, objectOf, parseJson, textOf } from '../../index.js'
import { headersOf } from '../../work/protocols/record-headers.js'
import { readPayload } from '../../work/queues/laravel-payload.js'
import { bodyText, isText } from '../../work/queues/text.js'
import type { Headers, NewJob } from '../../work/source.js'

/** A job in an envelope. */
export interface Enveloped {
  readonly id: string
  readonly name: string
  readonly body: string | Uint8Array
  readonly headers: Headers
  readonly priority: number | undefined
  readonly autoAck: boolean
}

const member = 'relayrunner'
const noClass = 'RelayRunner\\Pushed@run'

/** Returns the payload of a job: its body where Laravel wrote it, an envelope for any other; `uuid` is the new one's. */
export function payloadOfJob(job: NewJob, uuid: string): string {
  const { id, name, body, headers, priority, autoAck } = job
  if (isText(body) && Object.keys(headers).length === 0) {
    const text = bodyText(body)
    if (readPayload(text) !== undefined) return text
  }
  const content = isText(body) ? { body: bodyText(body) } : { base64: Buffer.from(body).toString('base64') }
  return JSON.stringify({
    uuid,
    displayName: name,
    job: noClass,
    data: [],
    [member]: { id, name, headers, priority, ...(autoAck === true ? { auto_ack: true } : {}), ...content },
  })
}

/** Reads an envelope; undefined for any other payload. */
export function openEnvelope(payload: string): Enveloped | undefined {
  // Most payloads are none, and need not be parsed twice.
  if (!payload.includes(`"${member}":`)) return undefined
  const value = parseJson(payload)
  if (!isObject(value) || value.job !== noClass) return undefined
  const { id, name, headers, priority, body, base64, auto_ack: autoAck } = objectOf(value[member])
  return {
    id: textOf(id) ?? '',
    name: textOf(name) ?? '',
    body: textOf(body) ?? Buffer.from(textOf(base64) ?? '', 'base64'),
    headers: isObject(headers) ? headersOf(headers) : {},
    priority: typeof priority === 'number' ? priority : undefined,
    autoAck: autoAck === true,
  }
}
