/** Options of an execution environment. No behaviour. */
import type { Clock, Logger } from '../../../index.js'
import type { ExtensionCommand } from './sandbox.js'
import type { ShutdownBudgets } from './shutdown-plan.js'
import type { InitializationType } from './variables.js'

/** Options of an environment. */
export interface ExecutionEnvironmentOptions {
  /** The bootstrap: program and arguments; no shell interprets them. */
  readonly command: readonly string[]
  /** The function's folder. */
  readonly cwd: string
  /** The function's own variables. */
  readonly variables: Readonly<Record<string, string | undefined>>
  readonly address: string
  /** Host names that requests may use for that address. */
  readonly hosts?: readonly string[]
  readonly functionName: string
  readonly handler: string
  readonly memoryMb: number
  readonly timeoutMs: number
  /** Limit of a start in ms; absent: AWS's limit of 10 s, or more where the start is not part of an event. */
  readonly initMsMax?: number | undefined
  /** Idle time in ms after which the environment is ended; absent: never. */
  readonly idleMsMax?: number | undefined
  /** Managed Instances: this many events at once, no freeze, no reset after a timeout. */
  readonly concurrency?: number | undefined
  /** Kind of the start; all but `on-demand` start before the first event. */
  readonly initialization?: Exclude<InitializationType, 'lambda-managed-instances'>
  readonly freezes: boolean
  readonly extensions?: readonly ExtensionCommand[]
  readonly hasExtensions?: boolean
  readonly budgets?: Partial<ShutdownBudgets>
  readonly user?: { readonly uid: number; readonly gid: number } | undefined
  readonly onOutput?: (bytes: Buffer) => void
  readonly clock: Clock
  readonly log: Logger
}
