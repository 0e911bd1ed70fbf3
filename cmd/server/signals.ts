/**
 * Handles the signals that stop a server, and a stop asked for over RPC: the first one asks, a second one forces. A signal that a
 * terminal sends twice for one key counts once: the key's SIGINT reaches the whole foreground group, and a parent in it (npm,
 * npx, docker-entrypoint) forwards its own copy.
 */
import { type Clock, systemClock } from '../../src/core/clock.js'
import { deferred } from '../../src/core/deferred.js'
import { isHangupIgnored, readHangupSigns, takeHangupWord } from './hangup.js'

const endSignals = ['SIGTERM', 'SIGINT', 'SIGHUP'] as const
type EndSignal = (typeof endSignals)[number]

// Interface: the same signal of a terminal again within this time, in ms, is one signal.
const repeatMsMax = 1000
const terminalSignals: ReadonlySet<EndSignal> = new Set(['SIGINT', 'SIGHUP'])

interface FirstAsk {
  /** Undefined when the stop was asked for over RPC. */
  readonly signal: EndSignal | undefined
  readonly atMs: number
}

/** The stop of this process: whether it was requested, by which signal, and whether a second signal forces it. */
export class EndAsked {
  readonly #asked = deferred<'asked'>()
  /** Resolves with the first ask. */
  readonly asked = this.#asked.promise
  readonly #clock: Clock
  #first: FirstAsk | undefined
  #onSecond: (() => void) | undefined
  #isInsisted = false

  /** Holds the state of a requested stop; call `listen` to receive signals. */
  constructor(clock: Clock = systemClock) {
    this.#clock = clock
  }

  /** Takes the signals of this process from now on. */
  listen(): this {
    const told = takeHangupWord()
    let found: boolean | undefined
    const isDeaf = () => {
      found ??= isHangupIgnored(readHangupSigns(told))
      return found
    }
    // Reading them takes most of a millisecond, for which the first workers need not wait. Signals come no sooner either.
    setImmediate(isDeaf)
    for (const signal of endSignals) {
      // An ignored SIGHUP needs a listener, too: Node has reset it to its default, which ends the process.
      process.on(signal, () => (signal === 'SIGHUP' && isDeaf() ? undefined : this.take(signal)))
    }
    return this
  }

  get isAsked(): boolean {
    return this.#first !== undefined
  }

  /** Signal that asked for the stop; undefined when none did, or the stop was asked for over RPC. */
  get signal(): EndSignal | undefined {
    return this.#first?.signal
  }

  /** Calls `onSecond` when a second signal comes; at once when it has already come. */
  onSecond(run: () => void): void {
    this.#onSecond = run
    if (this.#isInsisted) run()
  }

  /** Requests the stop without ever forcing it. */
  ask(): void {
    this.#ask(undefined)
  }

  /** Handles one received signal. */
  take(signal: EndSignal): void {
    const first = this.#first
    if (first === undefined) this.#ask(signal)
    else if (!this.#isRepeat(signal, first)) this.#insist()
  }

  #insist(): void {
    this.#isInsisted = true
    this.#onSecond?.()
  }

  #isRepeat(signal: EndSignal, first: FirstAsk): boolean {
    const sinceMs = this.#clock.monotonicMs() - first.atMs
    return terminalSignals.has(signal) && first.signal === signal && sinceMs <= repeatMsMax
  }

  #ask(signal: EndSignal | undefined): void {
    this.#first ??= { signal, atMs: this.#clock.monotonicMs() }
    this.#asked.resolve('asked')
  }
}

let ofProcess: EndAsked | undefined

/** Listens for this process's stop signals. Call it before the server's code is loaded: loading takes longer than a signal may wait. */
export function listenForEnd(): EndAsked {
  ofProcess ??= new EndAsked().listen()
  return ofProcess
}
