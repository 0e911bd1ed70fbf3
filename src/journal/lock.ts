/**
 * Lets one process at a time open a journal. Node has no `flock`; what it has is `link`, which makes a name or fails.
 *
 * Invariant: names are `lock-N`. The process that makes the highest N holds the journal, until its file is empty or its process has gone.
 * The highest one is never removed, so a number cannot be taken twice. Whether a process of another container lives cannot be seen: its
 * file's time, which the holder renews, says so.
 */
import {
  linkSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { type Clock, sleep } from '../core/clock.js'
import { ErrorCode, RelayError } from '../core/errors.js'

/** The lock of one folder. */
export interface JournalLock {
  /** False when another process may have taken it, e.g. while this one was frozen. */
  isHeld(): boolean
  release(): void
}

const namePattern = /^lock-(\d{1,15})$/
const ownerOnly = 0o600
const renewMs = 2000
/** Age at which the file of a process that cannot be seen counts as left behind. */
const staleMs = 10_000
const lookEveryMs = 200

let notes = 0

/**
 * Takes the lock. Rejects with RR_JOURNAL_LOCKED when a process that lives holds it. The file of a process of another container is waited
 * for, at most as long as it takes to become stale.
 */
export async function lockJournal(folder: string, clock: Clock): Promise<JournalLock> {
  notes += 1
  const note = join(folder, `locking-${process.pid}-${Math.round(clock.monotonicMs() * 1e6)}-${notes}`)
  writeFileSync(note, identityOf(process.pid), { mode: ownerOnly })
  const giveUpAt = clock.monotonicMs() + staleMs + renewMs
  try {
    for (;;) {
      const newest = Math.max(0, ...numbersOf(folder))
      const holder = newest === 0 ? 'none' : holderOf(join(folder, nameOf(newest)), clock)
      if (holder === 'none') {
        const mine = take(folder, note, newest + 1)
        if (mine !== undefined) return lockOf(folder, newest + 1, clock)
      } else if (holder === 'unseen' && clock.monotonicMs() < giveUpAt) await sleep(clock, lookEveryMs)
      else throw locked(folder, holder)
    }
  } finally {
    rmSync(note, { force: true })
  }
}

function lockOf(folder: string, number: number, clock: Clock): JournalLock {
  const mine = join(folder, nameOf(number))
  let renewedAt = clock.monotonicMs()
  let timer = clock.timer(renewMs, renew, { unref: true })
  function renew(): void {
    try {
      const now = clock.nowMs() / 1000
      utimesSync(mine, now, now)
      renewedAt = clock.monotonicMs()
    } catch {
      // The folder is gone, or cannot be reached: the next write finds that out.
    }
    timer = clock.timer(renewMs, renew, { unref: true })
  }
  return {
    isHeld: () => {
      if (clock.monotonicMs() - renewedAt < staleMs) return true
      if (Math.max(0, ...numbersOf(folder)) !== number) return false
      renewedAt = clock.monotonicMs()
      return true
    },
    release: () => {
      timer.clear()
      try {
        writeFileSync(mine, '')
      } catch {
        // The folder is gone, and the lock with it.
      }
    },
  }
}

/** Creates the file with its content in one step; undefined when another process was faster. */
function take(folder: string, note: string, number: number): string | undefined {
  const mine = join(folder, nameOf(number))
  try {
    linkSync(note, mine)
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return undefined
    throw error
  }
  // Others may have taken higher numbers since we looked, and have removed this one.
  if (Math.max(...numbersOf(folder)) !== number) {
    rmSync(mine, { force: true })
    return undefined
  }
  for (const older of numbersOf(folder).filter((one) => one < number))
    rmSync(join(folder, nameOf(older)), { force: true })
  return mine
}

/** Pid of the holder, `unseen` when it is another container's, `none` when the lock was released or its holder has ended. */
function holderOf(path: string, clock: Clock): number | 'unseen' | 'none' {
  let text: string
  let ageMs: number
  try {
    text = readFileSync(path, 'utf8')
    ageMs = clock.nowMs() - statSync(path).mtimeMs
  } catch {
    // Removed by the next holder.
    return 'none'
  }
  const [pid = '', , space = ''] = text.split(' ')
  if (text === '') return 'none'
  if (space !== processSpace()) return ageMs > staleMs ? 'none' : 'unseen'
  return isAlive(Number(pid)) && identityOf(Number(pid)) === text ? Number(pid) : 'none'
}

/** A pid, when its process started, and the space of pids that it counts in. */
function identityOf(pid: number): string {
  return `${pid} ${startTicksOf(pid)} ${processSpace()}`
}

/** Empty where there is no /proc: the pid alone has to do. `dead` for a zombie. */
function startTicksOf(pid: number): string {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
    // The program's name, in parentheses, may hold anything: fields are counted from the last one.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return fields[0] === 'Z' ? 'dead' : (fields[19] ?? '')
  } catch {
    return ''
  }
}

/** Pids of another boot, or of another container, mean other processes. */
function processSpace(): string {
  try {
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim()
    return `${boot}/${readlinkSync('/proc/self/ns/pid')}`
  } catch {
    return 'local'
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM'
  }
}

function numbersOf(folder: string): readonly number[] {
  return readdirSync(folder).flatMap((name) => {
    const number = namePattern.exec(name)?.[1]
    return number === undefined ? [] : [Number(number)]
  })
}

function nameOf(number: number): string {
  return `lock-${number}`
}

function locked(folder: string, holder: number | 'unseen'): RelayError {
  const by = holder === 'unseen' ? 'a process of another container' : `process ${holder}`
  return new RelayError(ErrorCode.JournalLocked, `the journal ${folder} is open in ${by}`, {
    hint: 'One server at a time works on a journal: stop the other one, or give this one a folder of its own.',
  })
}
