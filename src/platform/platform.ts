/**
 * The port between the server and the place where it runs: AWS Lambda (`lambda.ts`), or a machine or container of one's own
 * (`server.ts`). `cmd` chooses one and hands it on; nothing below knows which of them it is.
 */
import type { LogShape } from '../logging/shape.js'

/** Processors and memory that this process was granted. */
export interface Grant {
  /** May be a fraction. */
  readonly cpus: number
  /** Infinity when unlimited. */
  readonly memoryBytes: number
  /** Workers for each processor where `num_workers` is `auto`. */
  readonly workersPerCpu: number
}

/** Names of environment variables; one that ends with a `*` names all that begin with it. */
type VariableNames = readonly string[]

/** Times of a stop, in ms from the signal. */
export interface StopBudget {
  /** Workers that still run then are killed. */
  readonly killMs: number
  /** The process ends, whatever is not done. */
  readonly endMs: number
}

/** Properties of the place where the server runs. */
export interface Platform {
  readonly log: LogShape
  /** Undefined: the machine and its cgroups say what they grant. */
  readonly grant: Grant | undefined
  /** The server's variables that workers inherit whatever `env_allow` says. */
  readonly sharedVariables: VariableNames
  /** Variables that are for the server alone: workers never inherit them. */
  readonly ownVariables: VariableNames
  /** Two guard each other. One is enough where all processes end with the server's environment. */
  readonly watchdogCount: 1 | 2
  /** The sockets are opened only when the first workers boot: nobody can have asked for them yet. */
  readonly opensLate: boolean
  /** Undefined: jobs have `destroy_timeout` to end. */
  readonly stopBudget: StopBudget | undefined
  /** Time without a ready worker after which a start is reported as slow, with what the workers wrote; undefined: never. */
  readonly slowBootMs: number | undefined
}
