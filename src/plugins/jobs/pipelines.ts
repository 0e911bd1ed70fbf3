/** The pipelines of one server by name: declared by the file and over RPC, pushed to, paused, resumed and destroyed. */
import { type Clock, messageOf } from '../../index.js'
import type { NewJob } from '../../work/index.js'
import type { PushEnd } from './metrics.js'
import { JobPipeline } from './pipeline.js'
import type { PipelineContext, PipelineOptions } from './pipeline-options.js'
import type { PipelineState } from './pipeline-state.js'

/** Options of the pipelines. */
export interface PipelinesOptions {
  readonly context: Omit<PipelineContext, 'push'>
  /** Ms that a push, or a change of a pipeline, may take. */
  readonly timeoutMs: number
  /** Told of each push that has ended. */
  readonly onPushed?: ((push: PushEnd) => void) | undefined
}

/** The pipelines. */
export class Pipelines {
  readonly #context: PipelinesOptions['context']
  readonly #clock: Clock
  readonly #timeoutMs: number
  readonly #onPushed: PipelinesOptions['onPushed']
  readonly #byName = new Map<string, JobPipeline>()
  /** Names of those that are being destroyed. */
  readonly #leaving = new Set<string>()

  constructor({ context, timeoutMs, onPushed }: PipelinesOptions) {
    this.#onPushed = onPushed
    this.#timeoutMs = timeoutMs
    this.#clock = context.clock
    this.#context = context
  }

  /** Names in the order of their declaration. */
  names(): readonly string[] {
    return [...this.#byName.keys()]
  }

  /** Opens a pipeline; it takes jobs and is not consumed. Rejects when its name is taken, or with a fault of its configuration. */
  async declare(options: PipelineOptions): Promise<void> {
    const { name, driver } = options
    if (this.#byName.has(name))
      throw new Error(`pipeline already exists, name: ${name}, driver: ${driver.name}`)
    const pipeline: JobPipeline = new JobPipeline(options, {
      ...this.#context,
      // What a pipeline puts back is taken also while it is being destroyed.
      push: (into, job) => (into === name ? this.#pushInto(pipeline, [job]) : this.push(into, [job])),
    })
    this.#byName.set(name, pipeline)
    try {
      await this.#within(pipeline.open(), `opening pipeline "${name}"`)
    } catch (error) {
      this.#byName.delete(name)
      await pipeline.close()
      throw error
    }
  }

  /** Throws with RoadRunner's text for one that is not there. */
  find(name: string): JobPipeline {
    const pipeline = this.#byName.get(name)
    if (pipeline === undefined) throw new Error(`no such pipeline, requested: ${name}`)
    return pipeline
  }

  /** Pushes jobs in their order. Rejects when the pipeline is not there, or its queue does not take them in time. */
  async push(name: string, jobs: readonly NewJob[]): Promise<void> {
    const pipeline = this.#findStaying(name)
    if (this.#onPushed === undefined) return this.#pushInto(pipeline, jobs)
    const startedAt = this.#clock.monotonicMs()
    let isFailed = true
    try {
      await this.#pushInto(pipeline, jobs)
      isFailed = false
    } finally {
      const tookMs = this.#clock.monotonicMs() - startedAt
      this.#onPushed({ pipeline: name, driver: pipeline.driver, count: jobs.length, tookMs, isFailed })
    }
  }

  async pause(name: string): Promise<void> {
    await this.#within(this.find(name).pause(), `pausing pipeline "${name}"`)
  }

  resume(name: string): void {
    this.find(name).resume()
  }

  /**
   * Stops a pipeline, waits for what runs, and forgets it. Its queue keeps its jobs; those of a queue in memory are gone. Rejects when
   * that takes too long: the pipeline then ends when what it runs has ended.
   */
  async destroy(name: string): Promise<void> {
    const pipeline = this.#findStaying(name)
    this.#leaving.add(name)
    const ended = this.#end(pipeline)
    try {
      await this.#within(ended, `destroying pipeline "${name}"`)
    } catch (error) {
      const { log } = this.#context
      void ended.catch((fault: unknown) =>
        log.error({ pipeline: name, error: messageOf(fault) }, 'a destroyed pipeline did not close'),
      )
      throw error
    }
  }

  /** Names of the consumed pipelines whose queue cannot be reached. */
  unreachable(): readonly string[] {
    return [...this.#byName.values()].flatMap((one) => (one.isConsumed && !one.isReached ? [one.name] : []))
  }

  /** States of all, each asked at the same time. */
  async states(): Promise<readonly PipelineState[]> {
    const asked = [...this.#byName.values()].map((pipeline) => pipeline.state())
    return this.#within(Promise.all(asked), 'asking the queues')
  }

  /** Takes nothing more; what has not begun goes back at once. */
  async stopTaking(): Promise<void> {
    await this.#each((pipeline) => pipeline.stopTaking())
  }

  /** Resolves when what runs has been settled. */
  async finished(): Promise<void> {
    await this.#each((pipeline) => pipeline.finished())
  }

  /** Closes all. */
  async close(): Promise<void> {
    await this.#each((pipeline) => pipeline.close())
    this.#byName.clear()
  }

  #findStaying(name: string): JobPipeline {
    const pipeline = this.find(name)
    if (this.#leaving.has(name))
      throw new Error(`no such pipeline, requested: ${name} (it is being destroyed)`)
    return pipeline
  }

  async #pushInto(pipeline: JobPipeline, jobs: readonly NewJob[]): Promise<void> {
    await this.#within(pipeline.push(jobs), `a push into pipeline "${pipeline.name}"`)
  }

  /** The name is free only at the end: until then the scheduler knows what runs by it, and a stop of the server waits for that. */
  async #end(pipeline: JobPipeline): Promise<void> {
    try {
      await pipeline.stopTaking()
      await pipeline.close()
    } finally {
      this.#byName.delete(pipeline.name)
      this.#leaving.delete(pipeline.name)
    }
  }

  async #each(act: (pipeline: JobPipeline) => Promise<void>): Promise<void> {
    const ends = await Promise.allSettled([...this.#byName.values()].map(act))
    const faults = ends.flatMap((end) => (end.status === 'rejected' ? [end.reason] : []))
    if (faults.length > 0) throw new AggregateError(faults, faults.map(String).join('; '))
  }

  async #within<T>(work: Promise<T>, what: string): Promise<T> {
    const over = new AbortController()
    const late = new Promise<never>((_, reject) => {
      const timer = this.#clock.timer(this.#timeoutMs, () =>
        reject(new Error(`${what} took more than ${this.#timeoutMs / 1000} s`)),
      )
      over.signal.addEventListener('abort', () => timer.clear(), { once: true })
    })
    try {
      return await Promise.race([work, late])
    } finally {
      over.abort()
    }
  }
}
