/** The state of a pipeline as people and RoadRunner's clients are told it. Types only. */
import type { Tally } from './settling/tally.js'

/** State of a pipeline. */
export interface PipelineState {
  readonly pipeline: string
  readonly driver: string
  /** Name or address of its queue. */
  readonly queue: string
  readonly priority: number
  readonly state: 'consuming' | 'paused' | 'unreachable'
  /** Why the queue cannot be reached. */
  readonly error: string | undefined
  /** Jobs in the queue: ready, held back until a time, delivered. Undefined where the queue cannot say. */
  readonly active: number | undefined
  readonly delayed: number | undefined
  readonly reserved: number | undefined
  /** Age of the oldest ready job in ms. */
  readonly oldestMs: number | undefined
  /** Jobs that workers run. */
  readonly running: number
  /** Jobs that were taken and wait for a worker. */
  readonly waiting: number
  /** Jobs that failed for good and are kept. */
  readonly kept: number
  /** Jobs that ended within the last minute, well or badly. */
  readonly perMinute: number
  readonly tally: Tally
}
