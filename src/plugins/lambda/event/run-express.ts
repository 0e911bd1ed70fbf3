/**
 * The express path of an event: one whole job, on a worker that is idle now, whose answer goes out whole. By callbacks from the event's
 * bytes to the worker's frame and back, because promises cost more here than everything else that this server does for an event. It
 * shares every decision with the general path (`run-whole.ts`): the job, its limits, the verdict, the report, the answer.
 *
 * What is not of this kind takes the general path: streamed answers, forms that have to be laid down first, events that are refused,
 * and any event that has to wait for a worker. `tests/conformance/event.ts` holds both paths to the same behaviour.
 */
import type { Lease, Reply } from '../../../index.js'
import { verdictOfError } from '../../../work/fault.js'
import type { Verdict } from '../../../work/verdict.js'
import { answerEvent } from '../answer/answer.js'
import { reportEvent } from '../failures/report.js'
import type { ChunkSink, EventWork } from '../modes/mode.js'
import type { EventRun } from './event-run.js'

/** Runs the work on the lease's worker, and ends the event with its answer. */
export function runExpress(run: EventRun, work: EventWork, lease: Lease): void {
  const express = new Express(run, work, lease)
  express.begin()
}

/** One event under way; it receives the end of its own job. */
class Express {
  readonly #run: EventRun
  readonly #work: EventWork
  readonly #lease: Lease
  /** Made at the first frame of a streamed answer, which most events never have. */
  #frames: ChunkSink | undefined

  constructor(run: EventRun, work: EventWork, lease: Lease) {
    this.#run = run
    this.#work = work
    this.#lease = lease
  }

  begin(): void {
    const made = this.#run.jobOf(this.#work, this.#run.invocation.requestId)
    if ('kind' in made) {
      this.#end(made)
      return
    }
    const { collect } = this.#work
    const options =
      collect === undefined ? made.options : { ...made.options, onChunk: this.#takerOf(collect) }
    try {
      this.#lease.start(made.job, options, this)
    } catch (error) {
      this.#end(verdictOfError(error))
    }
  }

  done(reply: Reply): void {
    let verdict: Verdict
    try {
      verdict = this.#work.read(this.#frames === undefined ? reply : this.#frames.whole(reply))
    } catch (error) {
      verdict = verdictOfError(error)
    }
    this.#end(verdict)
  }

  failed(error: Error): void {
    // A worker that was told to stop and did not was killed for what the frames say.
    this.#end(verdictOfError(this.#frames?.fault ?? error))
  }

  #takerOf(collect: () => ChunkSink): (chunk: Reply) => void {
    return (chunk) => {
      this.#frames ??= collect()
      this.#frames.take(chunk)
    }
  }

  #end(verdict: Verdict): void {
    // First: the loop counts the idle workers before it asks for the next event.
    this.#lease.release()
    try {
      reportEvent(this.#run.options.log, this.#run.tags, verdict)
      this.#run.end(answerEvent(verdict))
    } catch (error) {
      this.#run.endWithError(error)
    }
  }
}
