/** Time as a service, so that tests own it. The only file that reads the system's clocks. */
import { onAbort } from './abort.js'

/** A timer that can be cleared; clearing twice is harmless. */
export interface Timer {
  clear(): void
}

/** Options of a timer. */
export interface TimerOptions {
  /** True for a timer that does not keep the process alive. */
  readonly unref?: boolean
  /**
   * True for a deadline that comes from outside: time in which this process was frozen, or got no processor, counts as well.
   */
  readonly isWall?: boolean
}

/** Source of time and timers. */
export interface Clock {
  /** Milliseconds since the epoch, by the wall clock: for deadlines that come from outside. */
  nowMs(): number
  /** Milliseconds that never run backwards, from any start; they go on while the process is frozen. */
  monotonicMs(): number
  /** Calls `run` once after `delayMs`. */
  timer(delayMs: number, run: () => void, options?: TimerOptions): Timer
}

/** The longest delay of Node's timers; a longer one would fire at once. */
const timerDelayMsMax = 2 ** 31 - 1

/** Clock of the machine. A late timer runs only after pending input has been read. */
export const systemClock: Clock = {
  nowMs: () => Date.now(),
  monotonicMs,
  timer(delayMs, run, options) {
    const waitMs = Math.min(Math.max(delayMs, 0), timerDelayMsMax)
    const dueAt = monotonicMs() + waitMs
    let turn: NodeJS.Immediate | undefined
    const afterTurns = (left: number) => {
      turn = setImmediate(() => (left === 1 ? run() : afterTurns(left - 1)))
    }
    const fire = () => (monotonicMs() - dueAt < lateMsMin ? run() : afterTurns(lateTurns))
    const handle = setTimeout(fire, waitMs)
    if (options?.unref === true) handle.unref()
    return {
      clear: () => {
        clearTimeout(handle)
        if (turn !== undefined) clearImmediate(turn)
      },
    }
  },
}

/** Reads the same clock as `performance.now()`, whose module takes 1 ms of a start to load. */
function monotonicMs(): number {
  const [seconds, nanoseconds] = process.hrtime()
  return seconds * 1000 + nanoseconds / 1e6
}

// After a stop of the process (SIGSTOP, a paused machine) Node runs late timers before it reads what has arrived meanwhile, so
// a limit would end a job whose answer is already there. A timer that is this late, in ms, lets the loop turn first: once
// to read an answer, once to settle it, and twice more for a long one.
const lateMsMin = 100
const lateTurns = 4

/** Resolves after `delayMs`, or at once when `signal` aborts; it never rejects. */
export function sleep(clock: Clock, delayMs: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted === true) return resolve()
    const done = () => {
      timer.clear()
      stopListening()
      resolve()
    }
    const timer = clock.timer(delayMs, done)
    const stopListening = onAbort(signal, done)
  })
}
