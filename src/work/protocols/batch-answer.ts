/**
 * The answer to a batch as Lambda reads it: `{"batchItemFailures":[{"itemIdentifier":…}]}`. A null, an empty one, or one
 * without the key is success; any other answer fails the whole batch. Pure.
 */
import { isObject, parseJson, type Reply } from '../../index.js'
import { makeFault } from '../fault.js'
import { FaultKind, type Verdict } from '../verdict.js'
import { readVerdict } from './raw.js'

/** Name of a record in an answer: a text, for Kafka an object. */
export type BatchIdentifier = string | object

const excerptCharactersMax = 120

/** Describes why Lambda would fail the whole batch for this answer; undefined when the answer is well formed. */
export function problemOfAnswer(body: Buffer, identifiers: readonly BatchIdentifier[]): string | undefined {
  const read = parse(body)
  if ('problem' in read) return read.problem
  if (read.identifiers.length === 0) return undefined
  const names = new Set(identifiers.map((identifier) => nameOf(identifier)))
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

/** Indexes of the records that a well-formed answer names; all of those that share a name. */
export function readFailures(body: Buffer, identifiers: readonly BatchIdentifier[]): ReadonlySet<number> {
  const read = parse(body)
  if ('problem' in read || read.identifiers.length === 0) return new Set()
  const failed = new Set(read.identifiers.map(nameOf))
  return new Set(identifiers.flatMap((identifier, at) => (failed.has(nameOf(identifier)) ? [at] : [])))
}

/** Reads the verdicts on the records of a small batch: of all the worker's own outcome, or retries of those that its answer names. */
export function readSmallBatch(reply: Reply, identifiers: readonly BatchIdentifier[]): readonly Verdict[] {
  const verdict = readVerdict(reply)
  if (verdict.kind !== 'done') return identifiers.map(() => verdict)
  const body = Buffer.from(verdict.body.buffer, verdict.body.byteOffset, verdict.body.length)
  const problem = problemOfAnswer(body, identifiers)
  if (problem !== undefined)
    return identifiers.map(() => ({ kind: 'retry', why: makeFault(FaultKind.badReply, problem) }))
  const failed = readFailures(body, identifiers)
  const text = 'the worker named this record among the failed ones of its batch'
  return identifiers.map((_, at) =>
    failed.has(at) ? { kind: 'retry', why: makeFault(FaultKind.jobFailed, text) } : verdict,
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

/** Kafka's identifiers are objects, whose keys may come in any order. */
function nameOf(identifier: unknown): string | undefined {
  if (typeof identifier === 'string') return identifier === '' ? undefined : identifier
  if (typeof identifier !== 'object' || identifier === null) return undefined
  return JSON.stringify(Object.entries(identifier).sort(([a], [b]) => (a < b ? -1 : 1)))
}
