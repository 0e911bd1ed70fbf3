/** An event that is one job: on one worker, its answer whole or streamed. */
import type { Lease, Reply } from '../../../index.js'
import { verdictOfError } from '../../../work/fault.js'
import type { Verdict } from '../../../work/verdict.js'
import { answerEvent } from '../answer/answer.js'
import { StreamedAnswer, type StreamForm } from '../answer/streamed-answer.js'
import { toLambdaError } from '../errors.js'
import { reportEvent } from '../failures/report.js'
import type { ChunkSink, EventFacts, EventWork, Mode } from '../modes/mode.js'
import type { EventRun, RunnableJob } from './event-run.js'
import { runExpress } from './run-express.js'
import { answerReply, runStreamed } from './run-streamed.js'

/** Runs it: at once where nothing about it is unusual, else by promises. Ends the event with its answer. */
export function runWhole(run: EventRun, event: EventFacts): void {
  run.answerOfFinished = () => answerEvent(run.unfinished)
  const made = run.options.mode.eventWork(event, () => run.signal)
  if (isPlain(run, made)) {
    const lease = run.options.pool.tryAcquire()
    if (lease !== undefined) {
      runExpress(run, made, lease)
      return
    }
  }
  runGeneral(run, made).catch((error: unknown) => run.endWithError(error))
}

type Made = ReturnType<Mode['eventWork']>

/** Tells whether an event may take the express path: its work is there, and its answer goes out whole. */
function isPlain({ options }: EventRun, made: Made): made is EventWork {
  if (!options.takesExpress || made instanceof Promise || 'unfit' in made) return false
  const { stream, clean, failureReply } = made
  return (
    (options.openStream === undefined || stream === undefined) &&
    clean === undefined &&
    failureReply === undefined
  )
}

async function runGeneral(run: EventRun, made: Made): Promise<void> {
  const { log, pool } = run.options
  // Taken before the form is laid down: no poller may count on this worker meanwhile.
  const early = made instanceof Promise ? pool.tryAcquire() : undefined
  const work = made instanceof Promise ? await made.catch(giveBack(early)) : made
  if ('unfit' in work) {
    early?.release()
    reportEvent(log, run.tags, work.unfit)
    const { unfit, streamed: as } = work
    run.end(
      as === undefined
        ? answerEvent(unfit)
        : await answerReply(openStreamed(run, as.form), as.reply, () => unfit),
      'unfit',
    )
    return
  }
  const streamed = openStreamed(run, work.stream)
  const verdict = await runJob(run, work, streamed, early)
  await work.clean?.()
  reportEvent(log, run.tags, verdict)
  if (streamed?.hasBegun === true) {
    if (verdict.kind !== 'done') await streamed.fail(toLambdaError(verdict.why))
    run.end({ kind: 'streamed' })
  } else if (verdict.kind === 'done' || work.failureReply === undefined) run.end(answerEvent(verdict))
  // A stream of its own: the worker's may have failed on what it was sent.
  else run.end(await answerReply(openStreamed(run, work.stream), work.failureReply, work.read))
}

function openStreamed(run: EventRun, form: StreamForm | undefined): StreamedAnswer | undefined {
  const { openStream } = run.options
  const { requestId } = run.invocation
  if (openStream === undefined || form === undefined || run.isEnded) return undefined
  const streamed = new StreamedAnswer(form, (contentType) => openStream(requestId, contentType))
  run.answerOfFinished = () => {
    const why = run.unfinished
    if (streamed.hasBegun && why.kind !== 'done') void streamed.fail(toLambdaError(why.why))
    else streamed.abandon()
    return streamed.hasBegun ? { kind: 'streamed' } : answerEvent(why)
  }
  return streamed
}

async function runJob(
  run: EventRun,
  work: EventWork,
  streamed: StreamedAnswer | undefined,
  early: Lease | undefined,
): Promise<Verdict> {
  const { pool } = run.options
  let lease: Lease
  try {
    lease = early ?? pool.tryAcquire() ?? (await pool.acquire({ front: true, signal: run.signal }))
  } catch (error) {
    return run.noWorker(error)
  }
  try {
    const made = run.jobOf(work, run.invocation.requestId)
    if ('kind' in made) return made
    if (streamed !== undefined) return await runStreamed(lease, made, { work, streamed })
    if (work.collect !== undefined) return work.read(await runCollected(lease, made, work.collect))
    return work.read(await lease.run(made.job, made.options))
  } catch (error) {
    return verdictOfError(error)
  } finally {
    lease.release()
  }
}

/** Runs a job whose answer may be a stream, and puts its frames together. */
async function runCollected(
  lease: Lease,
  { job, options }: RunnableJob,
  collect: () => ChunkSink,
): Promise<Reply> {
  let sink: ChunkSink | undefined
  const onChunk = (chunk: Reply) => {
    sink ??= collect()
    sink.take(chunk)
  }
  let last: Reply
  try {
    last = await lease.run(job, { ...options, onChunk })
  } catch (error) {
    // A worker that was told to stop and did not was killed for what the sink knows.
    throw sink?.fault ?? error
  }
  return sink === undefined ? last : sink.whole(last)
}

/** For a job that could not be made. */
function giveBack(lease: Lease | undefined): (error: unknown) => never {
  return (error) => {
    lease?.release()
    throw error
  }
}
