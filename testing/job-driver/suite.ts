/** Options of the conformance suite of job drivers: how a driver is had, and what it promises. Types and defaults; no case lives here. */
import type { DriverGuarantees, JobDriver } from '../../src/work/index.js'

/** The part of node:test's context that cases use; Vitest's and others' have it as well, or can be wrapped. */
export interface CaseContext {
  /** Registers what is undone when the case has ended. */
  after(undo: () => void | Promise<void>): void
}

/** Wishes of a case for its queue. */
export interface QueueWish {
  /** Jobs with a lane are to be kept in order within it. */
  readonly lanes: boolean
  /** Ms after which a delivery that is neither settled nor extended is to come again. Drivers without leases ignore it. */
  readonly leaseMs: number
}

/** A queue that no other case uses. */
export interface DriverQueue {
  /** The keys of a pipeline on it: `jobs.pipelines.NAME.config`. */
  readonly config: Readonly<Record<string, unknown>>
  /** Variables for the server, beside those of this process. */
  readonly env?: Readonly<Record<string, string>>
  /** Sections of the file that the driver's plugin reads. */
  readonly sections?: Readonly<Record<string, unknown>>
}

/** A queue on a broker of its own, which a case may end and start again with the same messages in it. */
export interface DriverBroker extends DriverQueue {
  /** Ends the broker in order. */
  stop(): Promise<void>
  /** Ends the broker at once, as SIGKILL does. */
  kill(): Promise<void>
  /** Starts it again; resolves when it takes connections. */
  start(): Promise<void>
}

/** A driver under test. */
export interface JobDriverSuite {
  /** The name by which pipelines call the driver. */
  readonly driver: string
  /** Specifiers of the plugins that bring it, as `plugins:` lists them; absolute paths, or packages. Absent: it is built in. */
  readonly plugins?: readonly string[]
  /** The driver itself, where no plugin brings it: cases of a server in a process of its own are then left out. */
  readonly jobDriver?: JobDriver
  /** Makes a fresh queue. Register its end with `t.after`. */
  readonly queue: (t: CaseContext, wish: QueueWish) => Promise<DriverQueue>
  /** Makes a fresh queue on a broker of its own. Absent: the cases that end the broker are left out. */
  readonly broker?: (t: CaseContext, wish: QueueWish) => Promise<DriverBroker>
  /** Promises of its queues, the ones that `queue` makes: cases of what is not promised are left out. */
  readonly guarantees: DriverGuarantees
  /** Ms within which the driver does what it does at once; default 20000. */
  readonly patienceMs?: number
  /** The `rr` to run: path of its `rr.js`. Default: this package's. */
  readonly rr?: string
}

/** A case: for runners other than node:test. */
export interface JobDriverCase {
  readonly name: string
  /** Why the driver's guarantees leave it out. */
  readonly skip?: string | undefined
  /** Rejects with an AssertionError when the driver breaks a promise. */
  run(t: CaseContext): Promise<void>
}

/** A lease that does not end within a case. */
export const longLeaseMs = 60_000

/** Returns the lease for cases that abort pulls: one that a lost delivery need not be waited for long. */
export function abortLeaseMs({ guarantees: { abortedPulls, leaseMsMin } }: JobDriverSuite): number {
  return abortedPulls === 'clean' ? longLeaseMs : leaseMsMin
}

/** Returns the patience of a suite in ms. */
export function patienceOf({ patienceMs = 20_000 }: JobDriverSuite): number {
  return patienceMs
}
