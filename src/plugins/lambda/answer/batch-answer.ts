/**
 * The answer to a batch as Lambda reads it: `{"batchItemFailures":[{"itemIdentifier":…}]}`. A null, an empty one, or one
 * without the key is success; any other answer fails the whole batch. Pure.
 */
import { isObject, parseJson } from '../../../index.js'
import type { RecordPlan } from '../plan/record.js'

const excerptCharactersMax = 120

/** Describes why Lambda would fail the whole batch for this answer; undefined when the answer is well formed. */
export function problemOfAnswer(body: Buffer, records: readonly RecordPlan[]): string | undefined {
  const read = parse(body)
  if ('problem' in read) return read.problem
  const names = namesOf(records)
  const seen = new Set<string>()
  for (const identifier of read.identifiers) {
    const name = nameOf(identifier)
    if (name === undefined || !names.has(name))
      return `the answer names ${JSON.stringify(identifier) ?? 'nothing'} as failed, which is not a record of the batch`
    if (seen.has(name)) return `the answer names ${name} twice`
    seen.add(name)
  }
  return undefined
}

/** Indexes of the records that a well-formed answer names. */
export function readFailures(body: Buffer, records: readonly RecordPlan[]): ReadonlySet<number> {
  const read = parse(body)
  if ('problem' in read) return new Set()
  const names = namesOf(records)
  return new Set(
    read.identifiers.flatMap((identifier) => {
      const at = names.get(nameOf(identifier) ?? '')
      return at === undefined ? [] : [at]
    }),
  )
}

function parse(body: Buffer): { readonly identifiers: readonly unknown[] } | { readonly problem: string } {
  const text = body.toString('utf8')
  if (text.trim() === '') return { identifiers: [] }
  const answer = parseJson(text)
  if (answer === undefined)
    return { problem: `the answer to a batch is not JSON: ${text.slice(0, excerptCharactersMax)}` }
  if (answer === null) return { identifiers: [] }
  if (!isObject(answer))
    return { problem: `the answer to a batch is not an object: ${text.slice(0, excerptCharactersMax)}` }
  const list = 'batchItemFailures' in answer ? answer.batchItemFailures : null
  if (list === null) return { identifiers: [] }
  if (!Array.isArray(list)) return { problem: 'batchItemFailures is not a list' }
  return {
    identifiers: list.map((one: unknown) =>
      typeof one === 'object' && one !== null && 'itemIdentifier' in one ? one.itemIdentifier : undefined,
    ),
  }
}

function namesOf(records: readonly RecordPlan[]): ReadonlyMap<string, number> {
  return new Map(records.map((record, at) => [nameOf(record.identifier) ?? '', at]))
}

/** Kafka's identifiers are objects, whose keys may come in any order. */
function nameOf(identifier: unknown): string | undefined {
  if (typeof identifier === 'string') return identifier === '' ? undefined : identifier
  if (typeof identifier !== 'object' || identifier === null) return undefined
  return JSON.stringify(Object.entries(identifier).sort(([a], [b]) => (a < b ? -1 : 1)))
}
