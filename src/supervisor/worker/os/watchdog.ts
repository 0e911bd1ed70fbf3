/**
 * No worker outlives the server. A `sh` in a session of its own reads, line by line, which process groups live, and kills
 * them all at end of file, that is when the server and every launcher have gone. The launcher registers a worker before it
 * becomes the worker, so a kill of the server between spawn and registration leaves no worker behind. There are two such
 * shells: while one that was killed is started again, the other one guards.
 *
 * End of file alone does not reach a busy worker, and registering after the spawn loses the race: both were measured.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, constants, openSync, unlinkSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { systemClock } from '../../../core/clock.js'
import type { Logger } from '../../../logging/logger.js'
import { makeFifos } from './fifo.js'

// In dash `kill -KILL -- -PID` fails and `kill -s KILL -- -PID` works. A group that is gone is not an error. A signal
// that has a trap ends a `read` as the end of file does. A launcher that was stopped (SIGSTOP) holds the FIFO open for
// ever: where the kernel told us that the server has gone, a line of our own behind all others says it. From then on
// every registered group is killed, and the end of file is still waited for: a launcher may be about to register.
const watchdogScript = `trap '' HUP INT TERM
live=' '
woken=
isOver=
wake() {
  woken=1
  read -r stat <"/proc/$$/stat"
  set -- $stat
  if [ "$4" != "$PPID" ]; then echo "!" >"/proc/$$/fd/0" & fi
}
end() {
  for pid in $live; do kill -s KILL -- "-$pid" 2>/dev/null; done
  live=' '
}
trap wake CONT
while :; do
  if ! read -r line; then
    [ -n "$woken" ] || break
    woken=
    continue
  fi
  pid=\${line#?}
  case $line in
    +*) case $live in *" $pid "*) ;; *) live="$live$pid " ;; esac ;;
    -*) case $live in *" $pid "*) live="\${live%% $pid *} \${live#* $pid }" ;; esac ;;
    !*) isOver=1 ;;
  esac
  if [ -n "$isOver" ]; then end; fi
done
end`

// A stopped shell would not read the end of file: where setpriv can ask for it, the kernel continues it when we die.
const starterScript = `trap '' HUP INT TERM
setpriv --pdeathsig CONT true 2>/dev/null && exec setpriv --pdeathsig CONT /bin/sh -c "$0" relayrunner-watchdog
exec /bin/sh -c "$0" relayrunner-watchdog`

// It only has to read the end of file.
const endMsMax = 1000

/** Options of the watchdogs. */
export interface WatchdogOptions {
  /** Folder for their FIFOs. */
  readonly folder: string
  readonly log: Logger
  /** One is enough, as all processes end with the server's environment. */
  readonly isSparing?: boolean
  /** Hands over the path of a FIFO that was made before; undefined when there is none. */
  readonly takeFifo?: (() => string | undefined) | undefined
}

/** The watchdogs of one server; one that dies starts again. */
export class Watchdog {
  readonly #folder: string
  readonly #log: Logger
  readonly #isSparing: boolean
  readonly #takeFifo: () => string | undefined
  readonly #live = new Set<number>()
  readonly #guards = new Set<Guard>()
  #made = 0
  #isClosed = false
  #closed: Promise<void> | undefined

  constructor({ folder, log, isSparing = false, takeFifo = () => undefined }: WatchdogOptions) {
    this.#folder = folder
    this.#log = log
    this.#isSparing = isSparing
    this.#takeFifo = takeFifo
  }

  /** Starts them, the second one a turn later; rejects when there is no `sh` or no `mkfifo`. */
  async start(): Promise<void> {
    const made = this.#takeFifo()
    const given = made === undefined ? [] : [made]
    const [first, second] = [...given, ...(await this.#paths((this.#isSparing ? 1 : 2) - given.length))]
    this.#open(first)
    // The first workers need not wait for it: it is told of them when it comes.
    setImmediate(() => this.#open(second))
  }

  /** The descriptors that a launcher gets from its fd 3 on; none when there is no watchdog. */
  get registerFds(): readonly number[] {
    return [...this.#guards].map((guard) => guard.launcherFd)
  }

  /** Remembers `pid` for a restarted watchdog, and registers it in case its launcher was stopped before it could. */
  add(pid: number): void {
    this.#live.add(pid)
    for (const guard of this.#guards) {
      // The watchdog may have been stopped: launchers would block once its FIFO is full.
      guard.wake()
      guard.tell(`+${pid}\n`)
    }
  }

  /** Removes `pid`, whose process group has ended. */
  remove(pid: number): void {
    if (!this.#live.delete(pid)) return
    for (const guard of this.#guards) guard.tell(`-${pid}\n`)
  }

  /** Ends the watchdogs, which kill every process that is still registered. Resolves when they have ended, so that no zombie is left. */
  close(): Promise<void> {
    // An orderly stop and a second signal may both wait for it.
    this.#closed ??= this.#end()
    return this.#closed
  }

  async #end(): Promise<void> {
    this.#isClosed = true
    const guards = [...this.#guards]
    this.#guards.clear()
    await Promise.all(guards.map((guard) => guard.end()))
  }

  async #paths(count: number): Promise<readonly string[]> {
    const paths = Array.from({ length: count }, (_, at) =>
      join(this.#folder, `watchdog-${process.pid}-${this.#made + at}`),
    )
    this.#made += count
    if (count > 0) await makeFifos(paths)
    return paths
  }

  #open(path: string | undefined): void {
    if (path === undefined) return
    if (this.#isClosed) {
      unlinkSync(path)
      return
    }
    const guard = new Guard(path, this.#log, () => {
      if (this.#guards.delete(guard)) void this.#restart()
    })
    this.#guards.add(guard)
    for (const pid of this.#live) guard.tell(`+${pid}\n`)
  }

  async #restart(): Promise<void> {
    this.#log.warn({}, 'the watchdog died, starting a new one')
    try {
      const [path] = await this.#paths(1)
      this.#open(path)
    } catch (error) {
      if (!this.#isClosed) this.#log.error({ error }, 'workers may outlive a killed server: no watchdog')
    }
  }
}

/** One shell with the FIFO that it reads. */
class Guard {
  /** Write end for launchers; it blocks, as a shell cannot retry. */
  readonly launcherFd: number
  /** Write end of the server; never blocks. */
  readonly #fd: number
  readonly #log: Logger
  readonly #child: ChildProcess
  /** Resolves when the process has been reaped, or could not be started. */
  readonly #ended: Promise<void>
  #isClosed = false

  constructor(path: string, log: Logger, onDeath: () => void) {
    this.#log = log
    const both = openSync(path, constants.O_RDWR | constants.O_NONBLOCK)
    const input = openSync(path, constants.O_RDONLY)
    this.#fd = openSync(path, constants.O_WRONLY | constants.O_NONBLOCK)
    this.launcherFd = openSync(path, constants.O_WRONLY)
    closeSync(both)
    unlinkSync(path)
    this.#child = spawn('/bin/sh', ['-c', starterScript, watchdogScript], {
      stdio: [input, 'ignore', 'ignore'],
      detached: true,
      cwd: '/',
    })
    closeSync(input)
    this.#child.unref()
    this.#ended = new Promise((resolve) => {
      this.#child.on('error', (error) => {
        log.error({ error }, 'the watchdog could not be started')
        resolve()
      })
      this.#child.on('exit', () => {
        this.close()
        onDeath()
        resolve()
      })
    })
  }

  tell(line: string): void {
    try {
      writeSync(this.#fd, line)
    } catch (error) {
      // EPIPE: it died, and its successor is told the whole set. EAGAIN: 64 KB unread, it is stopped; a pid that
      // stays in its set is harmless as long as the number is not given out again.
      this.#log.debug({ error }, 'a watchdog does not listen')
    }
  }

  wake(): void {
    this.#child.kill('SIGCONT')
  }

  /** Lets a watchdog end at end of file, and kills one that was stopped or that a worker's descriptor keeps open. */
  async end(): Promise<void> {
    this.wake()
    this.close()
    this.#child.ref()
    const late = systemClock.timer(endMsMax, () => this.#child.kill('SIGKILL'))
    await this.#ended
    late.clear()
  }

  close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    closeSync(this.#fd)
    closeSync(this.launcherFd)
  }
}
