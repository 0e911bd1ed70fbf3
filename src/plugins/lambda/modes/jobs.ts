/**
 * `mode: jobs`: what RoadRunner's jobs plugin sends its workers, made of Lambda's records, so that a worker written for it
 * runs unchanged. Its acknowledgements become batch item failures. Pure.
 */
import { Codec, type Reply } from '../../../index.js'
import { driverOf, foreignJob, jobsContext, readJobsReply } from '../../../work/protocols/jobs.js'
import type { Headers } from '../../../work/source.js'
import type { Verdict } from '../../../work/verdict.js'
import type { Invocation } from '../runtime-api/invocation.js'
import type { EventWork, Mode } from './mode.js'
import { recordJob } from './record-job.js'

/** The mode. */
export const jobsMode: Mode = {
  eventWork: ({ invocation, source, contexts }): EventWork => {
    const name = contexts.functionName ?? 'lambda'
    const context = {
      id: invocation.requestId,
      job: foreignJob,
      driver: source === null ? 'lambda' : driverOf(source),
      headers: lambdaHeaders(invocation),
      queue: name,
      pipeline: name,
    }
    const read = (reply: Reply): Verdict => {
      const verdict = readJobsReply(reply)
      return verdict.kind === 'done' ? { ...verdict, body: new Uint8Array() } : verdict
    }
    return { context: JSON.stringify(context), body: invocation.body, codec: Codec.raw, read }
  },
  protocol: (event) => {
    const parts = { headers: lambdaHeaders(event.invocation), pipeline: 'lambda' }
    return {
      toJob: (deliveries) => {
        const [delivery] = deliveries
        if (delivery === undefined) throw new Error('bug in relayrunner: a job without a record')
        const context = JSON.stringify(jobsContext(delivery, parts))
        return recordJob(event, deliveries, { context, body: delivery.body })
      },
      verdicts: (reply, deliveries) => {
        const verdict = readJobsReply(reply)
        return deliveries.map(() => verdict)
      },
    }
  },
}

function lambdaHeaders({ requestId, deadlineMs, traceId }: Invocation): Headers {
  return {
    'lambda-request-id': [requestId],
    ...(deadlineMs === undefined ? {} : { 'lambda-deadline-ms': [String(deadlineMs)] }),
    ...(traceId === undefined ? {} : { 'lambda-trace-id': [traceId] }),
  }
}
