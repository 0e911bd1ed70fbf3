/** The headers of a record in the shape of AWS's event-source mapping, as a jobs worker of RoadRunner gets them. Pure. */
import { isObject, objectOf, parseJson, textOf } from '../../index.js'
import type { Delivery, Headers } from '../source.js'

/** All headers of a record: SQS's attributes, Kafka's headers, and those that RoadRunner's own client wrote. */
export function recordHeaders(record: Readonly<Record<string, unknown>>): Headers {
  const attributes = objectOf(record.messageAttributes)
  return {
    ...textsOf(objectOf(record.attributes)),
    ...nativeHeaders(attributes),
    ...kafkaHeaders(record.headers),
    ...ownHeaders(ownAttribute(record, 'rr_headers')),
  }
}

/** A property that RoadRunner's client gave a job: from beside the record, or out of its attributes. */
export function jobFact(
  delivery: Pick<Delivery, 'job' | 'record'>,
  fact: 'id' | 'name' | 'pipeline',
): string | undefined {
  return delivery.job?.[fact] ?? ownAttribute(delivery.record, attributeNames[fact])
}

const attributeNames = { id: 'rr_id', name: 'rr_job', pipeline: 'rr_pipeline' } as const

/** One of the message attributes in which RoadRunner's client sends what SQS has no place for. */
function ownAttribute(record: Readonly<Record<string, unknown>>, key: string): string | undefined {
  return textOf(objectOf(objectOf(record.messageAttributes)[key]).stringValue)
}

function textsOf(attributes: Readonly<Record<string, unknown>>): Headers {
  return Object.fromEntries(Object.entries(attributes).map(([key, value]) => [key, [String(value)]]))
}

/** SQS's message attributes but for RoadRunner's own, which have their places in the context. */
function nativeHeaders(attributes: Readonly<Record<string, unknown>>): Headers {
  const texts = Object.entries(attributes).flatMap(([key, value]) => {
    const text = textOf(objectOf(value).stringValue) ?? textOf(objectOf(value).binaryValue)
    return text === undefined || key.startsWith('rr_') ? [] : [[key, [text]] as const]
  })
  return Object.fromEntries(texts)
}

/** Kafka's headers are lists of bytes, which may be signed. Those of RoadRunner's client have their places in the context. */
function kafkaHeaders(list: unknown): Headers {
  const headers = new Map<string, string[]>()
  for (const one of Array.isArray(list) ? list : []) {
    for (const [key, bytes] of Object.entries(objectOf(one))) {
      if (!Array.isArray(bytes) || key.startsWith('rr_')) continue
      headers.set(key, [...(headers.get(key) ?? []), Buffer.from(bytes.map(Number)).toString('utf8')])
    }
  }
  return Object.fromEntries(headers)
}

/** RoadRunner's own headers travel as JSON: an object of lists. Another one's attribute of that name is ignored. */
function ownHeaders(json: string | undefined): Headers {
  const given = json === undefined ? undefined : parseJson(json)
  return isObject(given) ? headersOf(given) : {}
}

/** Headers out of an object from outside: each value is a list of texts, or one. */
export function headersOf(given: Readonly<Record<string, unknown>>): Headers {
  return Object.fromEntries(
    Object.entries(given).map(([key, value]) => [key, (Array.isArray(value) ? value : [value]).map(String)]),
  )
}
