/** Jobs of a worker that runs several at once: what each one's code finds as its own, and how each is cancelled. */
import { AsyncLocalStorage } from 'node:async_hooks'
import { StreamBit } from '../../src/ipc/frame.js'
import { type CurrentJob, findJobsBy } from './current-job.js'
import { StreamTurns } from './stream.js'

/** Jobs that run. */
export class SeveralJobs {
  readonly #running = new Set<Promise<void>>()
  readonly #cancels = new Map<string, () => void>()
  readonly #turns = new Map<string | undefined, StreamTurns>()
  readonly #store = new AsyncLocalStorage<CurrentJob>()

  constructor() {
    findJobsBy(() => this.#store.getStore())
  }

  /** Runs a job beside the others; `run` must not reject. It is given what cancels the job. */
  start(jobId: string | undefined, run: (cancel: AbortController) => Promise<void>): void {
    const cancel = new AbortController()
    const ended = run(cancel).finally(() => {
      this.#running.delete(ended)
      if (jobId !== undefined) this.#cancels.delete(jobId)
      this.#turns.delete(jobId)
    })
    this.#running.add(ended)
  }

  /** Runs the code of a job, which finds `job` as the current one from now on, whatever it waits for; so do listeners to its `cancel`. */
  within<T>(job: CurrentJob, cancel: AbortController, act: () => T): T {
    const abort = () => cancel.abort(new DOMException('the server cancelled the job', 'AbortError'))
    if (job.jobId !== undefined) this.#cancels.set(job.jobId, () => this.#store.run(job, abort))
    return this.#store.run(job, act)
  }

  /** Returns what the server says about the stream of a job that runs. */
  turnsOf(jobId: string | undefined): StreamTurns {
    const turns = this.#turns.get(jobId) ?? new StreamTurns()
    this.#turns.set(jobId, turns)
    return turns
  }

  /** Takes the stream bits of a frame; does nothing when the job has ended. */
  take(jobId: string | undefined, bits: number): void {
    this.#turns.get(jobId)?.take(bits)
  }

  /** Aborts the signal of a job, and ends its stream; does nothing when it has ended. */
  cancel(jobId: string): void {
    this.#cancels.get(jobId)?.()
    this.take(jobId, StreamBit.stop)
  }

  /** Resolves when the jobs that run now have ended. */
  async ended(): Promise<void> {
    await Promise.all(this.#running)
  }
}
