/** An event that is one job: on one worker, its answer whole or streamed. */
import type { Job, Lease, Reply, RunOptions } from '../../../index.js'
import { type Answer, answerEvent } from '../answer/answer.js'
import { StreamedAnswer, type StreamForm } from '../answer/streamed-answer.js'
import type { Verdict } from '../answer/verdict.js'
import { reportEvent } from '../failures/report.js'
import type { ChunkSink, EventFacts, EventWork } from '../modes/mode.js'
import type { Handling } from './handling.js'
import { answerReply, runStreamed } from './run-streamed.js'

/** Runs it and makes its answer. */
export async function runEvent(handling: Handling, event: EventFacts): Promise<Answer> {
  const { mode, log, pool } = handling.options
  handling.collectWith(() => answerEvent(handling.unfinished))
  const made = mode.eventWork(event, () => handling.signal)
  // Taken before the form is laid down: no poller may count on this worker meanwhile.
  const early = made instanceof Promise ? pool.tryAcquire() : undefined
  const work = made instanceof Promise ? await made.catch(giveBack(early)) : made
  if ('unfit' in work) {
    early?.release()
    handling.needsNone('unfit')
    reportEvent(log, handling.tags, work.unfit)
    if (work.streamed === undefined) return answerEvent(work.unfit)
    const { form, reply } = work.streamed
    return answerReply(openStreamed(handling, form), reply, () => work.unfit)
  }
  const streamed = openStreamed(handling, work.stream)
  const verdict = await runWork(handling, work, streamed, early)
  await work.clean?.()
  reportEvent(log, handling.tags, verdict)
  if (streamed?.hasBegun === true) {
    if (verdict.kind !== 'done') await streamed.fail(verdict.error)
    return { kind: 'streamed' }
  }
  if (verdict.kind === 'done' || work.failureReply === undefined) return answerEvent(verdict)
  // A stream of its own: the worker's may have failed on what it was sent.
  return answerReply(openStreamed(handling, work.stream), work.failureReply, work.read)
}

function openStreamed(handling: Handling, form: StreamForm | undefined): StreamedAnswer | undefined {
  const { openStream } = handling.options
  const { requestId } = handling.invocation
  if (openStream === undefined || form === undefined || handling.isAnswered) return undefined
  const streamed = new StreamedAnswer(form, (contentType) => openStream(requestId, contentType))
  handling.collectWith(() => {
    const why = handling.unfinished
    if (streamed.hasBegun && why.kind !== 'done') void streamed.fail(why.error)
    else streamed.abandon()
    return streamed.hasBegun ? { kind: 'streamed' } : answerEvent(why)
  })
  return streamed
}

async function runWork(
  handling: Handling,
  work: EventWork,
  streamed: StreamedAnswer | undefined,
  early: Lease | undefined,
): Promise<Verdict> {
  const { pool } = handling.options
  let lease: Lease
  try {
    lease = early ?? pool.tryAcquire() ?? (await pool.acquire({ front: true, signal: handling.signal }))
  } catch (error) {
    return handling.noWorker(error)
  }
  try {
    return await handling.runJob(work, handling.invocation.requestId, (job, options) =>
      streamed === undefined
        ? runWhole(lease, job, { options, work })
        : runStreamed(lease, job, { options, work, streamed }),
    )
  } finally {
    lease.release()
  }
}

/** Its answer is one reply, or put together of the frames of a stream. */
function runWhole(
  lease: Lease,
  job: Job,
  { options, work }: { readonly options: RunOptions; readonly work: EventWork },
): Promise<Verdict> {
  const { collect } = work
  if (collect === undefined) return lease.run(job, options).then(work.read)
  let collector: ChunkSink | undefined
  const onChunk = (chunk: Reply) => {
    collector ??= collect()
    collector.take(chunk)
  }
  return lease.run(job, { ...options, onChunk }).then(
    (last) => work.read(collector === undefined ? last : collector.whole(last)),
    // A worker that was told to stop and did not was killed for what the collector knows.
    (error) => Promise.reject(collector?.fault ?? error),
  )
}

/** For a job that could not be made. */
function giveBack(lease: Lease | undefined): (error: unknown) => never {
  return (error) => {
    lease?.release()
    throw error
  }
}
