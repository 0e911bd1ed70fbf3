/** Contract of queues: a plugin that takes work from them provides `QueueStates`, and one that shows them needs `all(QueueStates)`. */
import { serviceKey } from '../supervisor/plugins/keys.js'

/** State of one queue. */
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
}

/** The queues of one plugin. */
export interface QueueStatesService {
  /** Asks all queues. */
  states(): Promise<readonly QueueState[]>
}

/** Key of the states. */
export const QueueStates = serviceKey<QueueStatesService>('queue-states')
