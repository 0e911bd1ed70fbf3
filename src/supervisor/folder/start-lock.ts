/**
 * Lets the servers of one user start one at a time, so that two starts never take over the same stale socket and a sweep
 * never meets a start. Node has no `flock`; what it has is `link`, which makes a name or fails.
 *
 * Invariant: names are `.start-N`. The process that makes the highest N holds the lock, until its file is empty or its
 * process has gone. The highest one is never removed, so a number cannot be taken twice.
 */
import { linkSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Clock, sleep } from '../../core/clock.js'
import { ErrorCode, RelayError } from '../../core/errors.js'
import { isSameProcess, readProcessState } from '../machine/process-state.js'

const namePattern = /^\.start-(\d{1,15})$/
// A start holds it for milliseconds; one that was stopped (SIGSTOP) meanwhile must not block all others forever.
const waitMsMax = 10_000
const lookEveryMs = 5
const ownerOnly = 0o600
/** Locks that this process has asked for: several may wait at once. */
let lockCount = 0

/** Waits for the lock of a user's folder; returns its release. Rejects with RR_ALREADY_RUNNING after 10 s. */
export async function holdStartLock(root: string, clock: Clock): Promise<() => void> {
  lockCount += 1
  const unique = `${Math.round(clock.monotonicMs() * 1e6).toString(16)}${lockCount}`
  const note = join(root, `.starting-${process.pid}-${unique}`)
  const giveUpAt = clock.monotonicMs() + waitMsMax
  writeFileSync(note, `${process.pid} ${readProcessState(process.pid)?.startTicks ?? ''}`, {
    mode: ownerOnly,
  })
  try {
    for (;;) {
      const newest = newestOf(root)
      const holder = newest === 0 ? undefined : holderOf(join(root, nameOf(newest)))
      if (holder === undefined) {
        const mine = take(root, note, newest + 1)
        if (mine !== undefined) return () => writeFileSync(mine, '')
      } else {
        if (clock.monotonicMs() >= giveUpAt) throw heldTooLong(root, holder)
        await sleep(clock, lookEveryMs)
      }
    }
  } finally {
    rmSync(note, { force: true })
  }
}

/** Creates the file with its content in one step; undefined when another process was faster. */
function take(root: string, note: string, number: number): string | undefined {
  const mine = join(root, nameOf(number))
  try {
    linkSync(note, mine)
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return undefined
    throw error
  }
  // Others may have taken higher numbers since we looked, and have removed this one.
  if (newestOf(root) !== number) {
    rmSync(mine, { force: true })
    return undefined
  }
  for (const older of numbersOf(root).filter((one) => one < number))
    rmSync(join(root, nameOf(older)), { force: true })
  return mine
}

/** Pid of the lock's holder; undefined when the lock was released or its holder has ended. */
function holderOf(path: string): number | undefined {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch {
    // Removed by the next holder.
    return undefined
  }
  const [pid = 0, ticks = 0] = text.split(' ').map(Number)
  return pid > 0 && isSameProcess(pid, ticks > 0 ? ticks : undefined) ? pid : undefined
}

function numbersOf(root: string): readonly number[] {
  return readdirSync(root).flatMap((name) => {
    const found = namePattern.exec(name)?.[1]
    return found === undefined ? [] : [Number(found)]
  })
}

function newestOf(root: string): number {
  return Math.max(0, ...numbersOf(root))
}

function nameOf(number: number): string {
  return `.start-${number}`
}

function heldTooLong(root: string, pid: number): RelayError {
  const what = `process ${pid} has been starting a server in ${root} for over ${waitMsMax / 1000} s`
  return new RelayError(ErrorCode.AlreadyRunning, what, {
    hint: `If it is stopped, continue it with kill -CONT ${pid}; otherwise end it.`,
  })
}
