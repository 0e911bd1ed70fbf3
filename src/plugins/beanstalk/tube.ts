/**
 * A tube: the connections over which its jobs are reserved and settled. Beanstalkd lets only the connection that reserved a job settle it, and
 * a connection that waits for a job does nothing else: a wait has a connection of its own, which then holds what it got.
 */
import { ErrorCode, onAbort, RelayError, type Timer } from '../../index.js'
import { LostMessage } from '../../work/queues/lost-message.js'
import { type BeanstalkAnswer, BeanstalkConnection, type BeanstalkPlace } from './connection.js'
import type { ReservedJob } from './message.js'

/** A job and the connection that holds it. */
export interface HeldJob extends ReservedJob {
  readonly holder: Holder
  /** Beanstalkd's priority. */
  readonly tubePriority: string
  readonly ttrMs: number
  readonly reservedAtMs: number
}

/** A connection, and the jobs that it holds. */
interface Holder {
  readonly connection: BeanstalkConnection
  readonly jobs: Set<string>
  isWaiting: boolean
  beat: Timer | undefined
}

/** Numbers of a tube. */
export type TubeStats = Readonly<Record<string, string>>

const lost = 'beanstalkd has taken the job back: its time was over, or the connection broke'

/**
 * Ms between commands on a connection that holds jobs. Beanstalkd up to 1.12 may lose sight of a connection that says nothing: jobs whose time is
 * over then stay reserved until its next command (beanstalkd issue 262, pull request 334).
 */
const beatMs = 1000

/** A tube. */
export class Tube {
  readonly #place: BeanstalkPlace
  readonly #name: string
  readonly #holders = new Set<Holder>()
  #producer: Promise<BeanstalkConnection> | undefined

  constructor(place: BeanstalkPlace, name: string) {
    this.#place = place
    this.#name = name
  }

  /** Reserves what is ready, up to `want`; else waits for the next job, up to `waitSeconds`. Rejects when beanstalkd cannot be reached. */
  async reserve(want: number, waitSeconds: number, signal: AbortSignal): Promise<readonly HeldJob[]> {
    const holder = await this.#freeHolder()
    const taken: HeldJob[] = []
    try {
      while (taken.length < want && !signal.aborted) {
        const isFirst = taken.length === 0
        const job = await this.#reserveOne(holder, 0, signal)
        if (job !== undefined) taken.push(job)
        else if (isFirst && waitSeconds > 0) return await this.#wait(waitSeconds, signal)
        else break
      }
    } catch (error) {
      // What it had went back with its connection.
      if (holder.connection.isClosed) this.#holders.delete(holder)
      throw error
    }
    return taken
  }

  /** Runs a command of a held job. Rejects with a LostMessage when the job is no longer held. */
  async tell(
    { holder, id }: Pick<HeldJob, 'holder' | 'id'>,
    command: string,
    isOver: boolean,
  ): Promise<void> {
    if (holder.connection.isClosed || !holder.jobs.has(id)) throw new LostMessage(lost)
    const { words } = await holder.connection.ask(command)
    if (isOver || words[0] === 'NOT_FOUND') holder.jobs.delete(id)
    if (words[0] === 'NOT_FOUND') throw new LostMessage(lost)
  }

  /** Adds a job. Rejects with RR_QUEUE_REFUSED when it is too large. */
  async put(
    data: Buffer,
    options: { readonly priority: number; readonly delayMs: number; readonly ttrMs: number },
  ): Promise<void> {
    const { priority, delayMs, ttrMs } = options
    const head = `put ${priority} ${secondsOf(delayMs)} ${Math.max(1, secondsOf(ttrMs))} ${data.length}`
    const { words } = await this.ask(head, data)
    if (words[0] === 'INSERTED') return
    const size = `the job has ${data.length} bytes with its name and headers`
    if (words[0] === 'JOB_TOO_BIG')
      throw new RelayError(ErrorCode.QueueRefused, `beanstalkd refused a job as too large: ${size}`, {
        hint: 'Start beanstalkd with a larger `-z BYTES` (65535 by default), or push less.',
      })
    throw new RelayError(ErrorCode.QueueRefused, `beanstalkd took no job: ${words.join(' ')}`, {
      hint: 'DRAINING: it takes jobs again after a restart. OUT_OF_MEMORY, BURIED: it has no memory left.',
    })
  }

  /** Runs a command that is not about a held job. */
  async ask(command: string, data?: Buffer): Promise<BeanstalkAnswer> {
    const known = await this.#producer?.catch(() => undefined)
    if (known === undefined || known.isClosed) this.#producer = this.#open(`use ${this.#name}`)
    const connection = await this.#producer
    if (connection === undefined) throw new Error('bug in relayrunner: no connection to beanstalkd')
    return connection.ask(command, data === undefined ? {} : { data })
  }

  /** Numbers of the tube; empty while nobody uses it. */
  async stats(): Promise<TubeStats> {
    const { words, data } = await this.ask(`stats-tube ${this.#name}`)
    return words[0] === 'OK' ? readStats(data) : {}
  }

  /** Closes all connections. */
  async close(): Promise<void> {
    for (const holder of this.#holders) {
      holder.beat?.clear()
      holder.connection.close()
    }
    ;(await this.#producer?.catch(() => undefined))?.close()
  }

  /** Waits on a connection that holds nothing. An abort closes it: a job that comes at this moment goes back. */
  async #wait(seconds: number, signal: AbortSignal): Promise<readonly HeldJob[]> {
    const idle = [...this.#holders].find(({ jobs, isWaiting }) => jobs.size === 0 && !isWaiting)
    const holder = idle ?? (await this.#newHolder())
    holder.isWaiting = true
    let isAborted = false
    const stopListening = onAbort(signal, () => {
      isAborted = true
      holder.connection.close()
    })
    try {
      const job = await this.#reserveOne(holder, seconds, signal)
      return job === undefined ? [] : [job]
    } catch (error) {
      if (isAborted) return []
      throw error
    } finally {
      stopListening()
      holder.isWaiting = false
      if (holder.connection.isClosed) this.#holders.delete(holder)
    }
  }

  async #reserveOne(holder: Holder, seconds: number, signal: AbortSignal): Promise<HeldJob | undefined> {
    const { connection, jobs } = holder
    const { clock } = this.#place
    const { words, data } = await connection.ask(`reserve-with-timeout ${seconds}`, {
      waitMs: seconds * 1000,
    })
    // TIMED_OUT; DEADLINE_SOON: one of its jobs is about to expire.
    const [what, id] = words
    if (what !== 'RESERVED' || id === undefined) return undefined
    const reservedAtMs = clock.nowMs()
    jobs.add(id)
    this.#beat(holder)
    const stats = readStats((await connection.ask(`stats-job ${id}`)).data)
    if (signal.aborted && seconds > 0) throw new LostMessage(lost)
    return {
      id,
      data,
      holder,
      reservedAtMs,
      reserves: Number(stats.reserves ?? 1),
      ageSeconds: Number(stats.age ?? 0),
      tubePriority: stats.pri ?? '0',
      ttrMs: Number(stats.ttr ?? 1) * 1000,
    }
  }

  /** Speaks on a connection while it holds jobs. */
  #beat(holder: Holder): void {
    const { connection, jobs } = holder
    holder.beat ??= this.#place.clock.timer(
      beatMs,
      () => {
        holder.beat = undefined
        if (connection.isClosed || jobs.size === 0) return
        // What it answers does not matter, and a connection that breaks is found by the next call.
        connection.ask('list-tube-used').catch(() => undefined)
        this.#beat(holder)
      },
      { unref: true },
    )
  }

  /** Prefers the connection that holds most, so that another is left for waiting. */
  async #freeHolder(): Promise<Holder> {
    for (const holder of this.#holders) if (holder.connection.isClosed) this.#holders.delete(holder)
    const free = [...this.#holders].filter(({ isWaiting }) => !isWaiting)
    const [most] = free.sort((a, b) => b.jobs.size - a.jobs.size)
    return most ?? this.#newHolder()
  }

  async #newHolder(): Promise<Holder> {
    const words = this.#name === 'default' ? [] : ['ignore default']
    const holder = {
      connection: await this.#open(`watch ${this.#name}`, ...words),
      jobs: new Set<string>(),
      isWaiting: false,
      beat: undefined,
    }
    this.#holders.add(holder)
    return holder
  }

  async #open(...commands: readonly string[]): Promise<BeanstalkConnection> {
    const connection = await BeanstalkConnection.open(this.#place)
    await Promise.all(commands.map((command) => connection.ask(command)))
    return connection
  }
}

/** Reads beanstalkd's YAML: lines `KEY: VALUE`. */
export function readStats(data: Buffer): TubeStats {
  const pairs = [...data.toString('latin1').matchAll(/^([a-z-]+): (.*)$/gm)]
  return Object.fromEntries(pairs.map(([, key = '', value = '']) => [key, value]))
}

/** Whole seconds, which are all that beanstalkd knows. */
export function secondsOf(ms: number): number {
  return Math.ceil(ms / 1000)
}
