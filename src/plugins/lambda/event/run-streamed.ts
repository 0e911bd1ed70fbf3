/** A job whose answer is streamed, and replies that no worker gave on the same way. */
import { type Lease, messageOf, type Reply } from '../../../index.js'
import { makeFault } from '../../../work/fault.js'
import { FaultKind, type Verdict } from '../../../work/verdict.js'
import { type Answer, answerEvent } from '../answer/answer.js'
import type { StreamedAnswer } from '../answer/streamed-answer.js'
import type { EventWork } from '../modes/mode.js'
import type { RunnableJob } from './event-run.js'

/** Runs a job; its frames are passed on as they come. Rejects as `Lease.run` does. */
export async function runStreamed(
  lease: Lease,
  { job, options }: RunnableJob,
  { work, streamed }: { readonly work: EventWork; readonly streamed: StreamedAnswer },
): Promise<Verdict> {
  const onChunk = (chunk: Reply) => streamed.take(chunk)
  const last = await lease.run(job, { ...options, onChunk, stopStream: streamed.gone })
  if (!streamed.hasBegun) {
    const read = work.stream?.read ?? work.read
    const verdict = streamed.fault === undefined ? read(last) : badHead(streamed.fault)
    if (verdict.kind !== 'done') return verdict
  }
  await streamed.end(last)
  return { kind: 'done', body: last.body }
}

/** Answers with a reply that no worker gave: as a stream where there is one to be begun. */
export async function answerReply(
  streamed: StreamedAnswer | undefined,
  reply: Reply,
  read: (reply: Reply) => Verdict,
): Promise<Answer> {
  if (streamed === undefined) return answerEvent(read(reply))
  await streamed.end(reply)
  return { kind: 'streamed' }
}

function badHead(fault: unknown): Verdict {
  const what = `the worker's answer has a head that cannot be read: ${messageOf(fault)}`
  return { kind: 'retry', why: makeFault(FaultKind.badReply, what) }
}
