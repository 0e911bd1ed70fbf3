/** `mode: raw` and `mode: event`: our own context as JSON, then the bytes as they came. Pure. */
import { Codec } from '../../../index.js'
import { makeFault } from '../../../work/fault.js'
import type { Protocol } from '../../../work/protocol.js'
import { problemOfAnswer, readFailures, readSmallBatch } from '../../../work/protocols/batch-answer.js'
import { rawProtocol, readVerdict } from '../../../work/protocols/raw.js'
import { FaultKind, type Verdict } from '../../../work/verdict.js'
import type { StreamForm } from '../answer/streamed-answer.js'
import type { RecordPlan } from '../plan/record.js'
import { recordOf } from '../plan/record-delivery.js'
import { planEvent, type SplitOptions } from '../plan/split.js'
import { ChunkCollector } from './chunk-collector.js'
import type { EventFacts, EventWork, Mode } from './mode.js'
import { recordJob } from './record-job.js'

/** Options of batches that a worker gets whole. */
export interface RawOptions {
  readonly split: SplitOptions
  /** `partial_failures: on`. */
  readonly hasPartialFailures: boolean
  /** More than 1: a worker gets small batches, and one that happens to hold a single record looks like the others. */
  readonly recordsPerJob?: number
}

/** Makes the mode; `options.split` decides whether batches are split. */
export function rawMode(options: RawOptions): Mode {
  const isSmallBatch = (options.recordsPerJob ?? 1) > 1
  return {
    eventWork: ({ invocation, contexts }): EventWork => ({
      context: contexts.ofEvent(),
      body: invocation.body,
      codec: Codec.raw,
      stream: rawStream,
      collect: anyStream,
      read: (reply) => checkedResult(readVerdict(reply), invocation.body, options),
    }),
    protocol: isSmallBatch ? smallBatches : singleRecords,
  }
}

/** Makes the sink of a streamed answer, which begins with its first frame whatever is in that frame's context. */
const anyStream = () => new ChunkCollector(() => true)

/** The reader of the stream gets the bytes as they come; a worker names their type in its context. */
const rawStream: StreamForm = {
  headOf: ({ context }) => {
    const type = /"content_type"\s*:\s*"([\x20-\x21\x23-\x7e]+)"/.exec(
      Buffer.from(context).toString('latin1'),
    )?.[1]
    return { contentType: type ?? 'application/octet-stream', prelude: [], hasBody: true }
  },
}

const failuresKey = Buffer.from('batchItemFailures')

/**
 * A worker that got a whole batch may name the failed records itself. Lambda takes the batch as failed when a name is not of
 * the batch, without saying so anywhere; we say it. With `partial_failures: off` a list that is not empty would be ignored.
 */
function checkedResult(verdict: Verdict, event: Buffer, options: RawOptions): Verdict {
  if (verdict.kind !== 'done') return verdict
  const body = viewOf(verdict.body)
  if (!body.includes(failuresKey)) return verdict
  // Also an event that is never split, a tumbling window's, is answered with the names of its records.
  const plan = planEvent(event, { ...options.split, isSplit: true, splitsWindows: true })
  if (plan.kind !== 'batch' || !plan.isPartial) return verdict
  const identifiers = plan.records.map(identifierOf)
  const problem = problemOfAnswer(body, identifiers)
  if (problem !== undefined) return { kind: 'retry', why: makeFault(FaultKind.badReply, problem) }
  const failures = readFailures(body, identifiers)
  if (options.hasPartialFailures || failures.size === 0) return verdict
  const text = `the worker reported ${failures.size} failed records; with partial_failures: off that fails the invocation`
  return { kind: 'retry', why: makeFault(FaultKind.jobFailed, text) }
}

/** No copy: most bodies are only looked at. */
function viewOf(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
}

function singleRecords(event: EventFacts): Protocol {
  return {
    toJob: (deliveries) => {
      const [delivery] = deliveries
      if (delivery === undefined) throw new Error('bug in relayrunner: a job without a record')
      const record = recordOf(delivery)
      return recordJob(event, deliveries, { context: event.contexts.ofRecord(record), body: record.body })
    },
    verdicts: rawProtocol.verdicts,
  }
}

/** Makes the protocol for small batches, in the shape of Lambda's own batches. */
function smallBatches(event: EventFacts): Protocol {
  const { contexts } = event
  return {
    toJob: (deliveries) => {
      const records = deliveries.map(recordOf)
      const parts = { context: contexts.ofRecords(records), body: contexts.eventOf(records) }
      return recordJob(event, deliveries, parts)
    },
    verdicts: (reply, deliveries) => readSmallBatch(reply, deliveries.map(recordOf).map(identifierOf)),
  }
}

function identifierOf({ identifier }: RecordPlan) {
  return identifier
}
