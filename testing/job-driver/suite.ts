/** Options of the conformance suite of job drivers: how a driver is had, and what it promises. Types and defaults; no case lives here. */
import type { JobDriver } from '../../src/work/index.js'

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

/** Promises of a driver. Cases of what is not promised are left out; a promise that is kept only sometimes must not be made. */
export interface DriverGuarantees {
  /** Jobs without a lane are delivered in the order in which they were pushed. */
  readonly ordered: boolean
  /** Jobs of a lane are delivered one at a time and in their order. */
  readonly lanes: boolean
  /** Longest delay of a new job in ms; 0: it takes none. */
  readonly delayMsMax: number
  /** Shortest `leaseMs` that a queue can be given; 0: a delivery comes again only when its connection has ended. */
  readonly leaseMsMin: number
  /** Cost of a pull that is aborted while a job arrives: none, or the job waits for the end of its lease. */
  readonly abortedPulls: 'clean' | 'lease'
  /** Times at which a job may be done twice: `never`; `crash`: when a server or the broker ends while the job is in hand; `always`: at any time. */
  readonly duplicates: 'never' | 'crash' | 'always'
  /** Acknowledgements that a broker may forget when it is killed, beside what was in hand; absent: none. */
  readonly forgottenMax?: number
  /** The queue counts deliveries of a message, also over a restart of the server. False: after a restart it begins anew, or it never counts. */
  readonly attempts: boolean
  /** Jobs outlive a server that is killed. */
  readonly durable: boolean
  /** Two servers may work on one queue. */
  readonly shared: boolean
  /** Bodies may be any bytes, not only text. */
  readonly binary: boolean
  /** Numbers of `Source.counts`. */
  readonly counts: 'exact' | 'unknown'
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
  readonly guarantees: DriverGuarantees
  /** Ms within which the driver does what it does at once; default 5000. */
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
export function patienceOf({ patienceMs = 5000 }: JobDriverSuite): number {
  return patienceMs
}
