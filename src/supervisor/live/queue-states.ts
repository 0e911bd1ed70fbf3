/**
 * Contract of queues: a plugin that takes work from them provides `QueueStates`; the server shows them (`rr top`, the dashboard), and so
 * does any plugin that needs `all(QueueStates)`.
 */
import { serviceKey } from '../plugins/keys.js'

/** State of one queue. What a plugin does not know it leaves out. */
export interface QueueState {
  /** Name that the configuration gives it. */
  readonly pipeline: string
  readonly driver: string
  /** Name or address at its broker. */
  readonly queue: string
  readonly priority: number
  /** True while jobs are taken from it. */
  readonly isReady: boolean
  /** Jobs that wait, are held back until a time, are delivered; undefined where the queue cannot say. */
  readonly active: number | undefined
  readonly delayed: number | undefined
  readonly reserved: number | undefined
  /** Reason why the queue cannot be reached. */
  readonly error: string | undefined
  /** Age of the oldest ready job in ms; undefined where none is ready, or the queue cannot say. */
  readonly oldestMs?: number | undefined
  /** Jobs that workers run, and jobs that were taken and wait for a worker. */
  readonly running?: number
  readonly waiting?: number
  /** Jobs that failed for good and are kept. */
  readonly kept?: number
  /** Jobs that ended within the last minute. */
  readonly perMinute?: number
  /** Ends of jobs since the start of the server. */
  readonly tally?: { readonly done: number; readonly retried: number; readonly failed: number }
}

/** A job that failed for good and is kept. */
export interface KeptJob {
  readonly id: string
  /** Kind of the job; empty where it has none. */
  readonly name: string
  readonly why: string
  readonly attempt: number | undefined
  /** Wall-clock ms of its last failure. */
  readonly atMs: number | undefined
}

/** Control of the queues of one plugin. Each rejects for a queue that the plugin does not have. */
export interface QueueControl {
  /** Stops taking jobs from a queue. */
  pause(pipeline: string): Promise<void>
  /** Takes jobs from it again. */
  resume(pipeline: string): Promise<void>
  /** Lists kept jobs, the oldest first; a plugin may leave out later ones of very many. */
  kept(pipeline: string): Promise<readonly KeptJob[]>
  /** Puts kept jobs back into their queue: those of these ids, else all. Resolves with their number. */
  redrive(pipeline: string, ids?: readonly string[]): Promise<number>
}

/** The queues of one plugin. */
export interface QueueStatesService {
  /** Asks all queues. */
  states(): Promise<readonly QueueState[]>
  /** Absent where its queues can only be watched. */
  readonly control?: QueueControl
}

/** Key of the states. */
export const QueueStates = serviceKey<QueueStatesService>('queue-states')
