/** Parts that all calls of a server share. No behaviour lives here. */
import type { Clock, Logger, Pool } from '../../../index.js'
import type { BodyBudget } from '../../../work/http/index.js'

/** Parts of calls. */
export interface CallParts {
  readonly pool: Pool
  readonly log: Logger
  readonly clock: Clock
  readonly room: BodyBudget
  readonly receivedBytesMax: number
  readonly sentBytesMax: number
  /** Bytes of the metadata of an answer. */
  readonly headBytesMax: number
  readonly requestMsMax: number
  readonly writeMsMax: number
  /** True when the worker of a call that nobody waits for any more is killed. */
  readonly isKilled: boolean
  /** Makes the id of a call's job. */
  readonly newId: () => string
}

/** A call, as its headers tell it. */
export interface CallHead {
  readonly service: string
  readonly method: string
  readonly metadata: ReadonlyMap<string, readonly string[]>
  readonly encoding: string
  /** Milliseconds that it may take; undefined without a limit. */
  readonly timeoutMs: number | undefined
}
