/** Says which of several jobs a line of a worker belongs to. */
import type { Job } from '../../job.js'
import type { TaggedLine, WorkerOutput } from '../output.js'

// The SDKs write the number as the last member, as the server does in contexts.
const numberAtEnd = /^(\{.*),\s*"jobId":\s*(\d{1,15})\}\s*$/s

/** Returns the line with the job that it names, without the number; undefined when it names none that `jobOf` knows. */
export function namedLine(text: string, jobOf: (id: number) => Job | undefined): TaggedLine | undefined {
  if (!text.startsWith('{')) return undefined
  const found = numberAtEnd.exec(text)
  const job = found === null ? undefined : jobOf(Number(found[2]))
  return job === undefined ? undefined : { job, text: `${found?.[1]}}` }
}

/** Output of a worker as one of its jobs sees it: the lines that came while no other job ran, since a caller must not be told those of others. */
export class SharedLines {
  readonly #output: Pick<WorkerOutput, 'lineCount' | 'since'>
  #isMixed = false
  /** Number of lines when several jobs ran last. */
  #mixedUpTo = 0

  constructor(output: Pick<WorkerOutput, 'lineCount' | 'since'>) {
    this.#output = output
  }

  get lineCount(): number {
    return this.#output.lineCount
  }

  /** Called whenever the number of jobs in the worker has changed. */
  jobsAre(count: number): void {
    if (this.#isMixed && count < 2) this.#mixedUpTo = this.#output.lineCount
    this.#isMixed = count > 1
  }

  since(lineCount: number): readonly string[] {
    return this.#isMixed ? [] : this.#output.since(Math.max(lineCount, this.#mixedUpTo))
  }

  /** Does nothing: a stack is the process's, not the job's. */
  listen(): void {
    return
  }

  /** Does nothing: half a line may be that of another job. */
  endLines(): void {
    return
  }
}
