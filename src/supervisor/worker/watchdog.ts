/**
 * No worker outlives the server. A `sh` in a session of its own reads, line by line, which process groups live, and
 * kills them all at end of file, that is when the server and every launcher have gone. The launcher registers a worker
 * before it becomes the worker, so a kill of the server between spawn and registration loses nobody.
 *
 * End of file alone does not reach a busy worker, and registering after the spawn loses the race: both were measured.
 */
import { spawn } from 'node:child_process'
import { closeSync, constants, openSync, unlinkSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import type { Logger } from '../../core/log.js'
import { makeFifos } from './fifo.js'

// In dash `kill -KILL -- -PID` fails and `kill -s KILL -- -PID` works. A group that is gone is not an error.
const watchdogScript = `trap '' HUP INT TERM
live=' '
while read -r line; do
  pid=\${line#?}
  case $line in
    +*) live="$live$pid " ;;
    -*) case $live in *" $pid "*) live="\${live%% $pid *} \${live#* $pid }" ;; esac ;;
  esac
done
for pid in $live; do kill -s KILL -- "-$pid" 2>/dev/null; done`

// The write is in a subshell: a plain echo would kill the launcher (SIGPIPE) when the watchdog has died.
const launcherScript = `(echo "+$$" >&3) 2>/dev/null; exec 3>&-; exec "$@"`

/** The words that start a worker: with fd 3 = `registerFd`, run these instead of the worker's own. */
export function launcherArguments(words: readonly string[]): {
  readonly file: string
  readonly args: string[]
} {
  return { file: '/bin/sh', args: ['-c', launcherScript, 'relayrunner-launcher', ...words] }
}

/** The watchdog of one server; it starts again when it dies. */
export class Watchdog {
  readonly #folder: string
  readonly #log: Logger
  readonly #live = new Set<number>()
  #generation = 0
  /** Two write ends: ours never waits; the launchers' does, as a shell cannot retry. */
  #ends: { readonly ours: number; readonly launchers: number } | undefined
  #isClosed = false

  constructor(options: { readonly folder: string; readonly log: Logger }) {
    this.#folder = options.folder
    this.#log = options.log
  }

  /** Starts the process; rejects when there is no `sh` or no `mkfifo`. */
  async start(): Promise<void> {
    this.#generation += 1
    const path = join(this.#folder, `watchdog-${process.pid}-${this.#generation}`)
    await makeFifos([path])
    const both = openSync(path, constants.O_RDWR | constants.O_NONBLOCK)
    const input = openSync(path, constants.O_RDONLY)
    const ours = openSync(path, constants.O_WRONLY | constants.O_NONBLOCK)
    const launchers = openSync(path, constants.O_WRONLY)
    closeSync(both)
    unlinkSync(path)
    const child = spawn('/bin/sh', ['-c', watchdogScript], {
      stdio: [input, 'ignore', 'ignore'],
      detached: true,
      cwd: '/',
    })
    closeSync(input)
    child.unref()
    child.on('error', (error) => this.#log.error({ error }, 'the watchdog could not be started'))
    child.on('exit', () => void this.#restart())
    this.#closeEnds()
    this.#ends = { ours, launchers }
    for (const pid of this.#live) this.#write(`+${pid}\n`)
  }

  /** The descriptor that a launcher gets as its fd 3; undefined when there is no watchdog. */
  get registerFd(): number | undefined {
    return this.#ends?.launchers
  }

  /** The launcher has registered `pid` by itself; remembered for a watchdog that comes later. */
  add(pid: number): void {
    this.#live.add(pid)
  }

  /** `pid` and its group have gone. */
  remove(pid: number): void {
    if (this.#live.delete(pid)) this.#write(`-${pid}\n`)
  }

  /** Lets the watchdog go: it kills whoever is still registered. */
  close(): void {
    this.#isClosed = true
    this.#closeEnds()
  }

  #write(line: string): void {
    if (this.#ends === undefined) return
    try {
      writeSync(this.#ends.ours, line)
    } catch (error) {
      // EPIPE: it died, and its end restarts it with the whole set. EAGAIN: 64 KB unread, it is stopped; a pid that
      // stays in its set is harmless as long as the number is not given out again.
      this.#log.debug({ error }, 'the watchdog does not listen')
    }
  }

  async #restart(): Promise<void> {
    if (this.#isClosed) return
    this.#closeEnds()
    this.#log.warn({}, 'the watchdog died, starting a new one')
    try {
      await this.start()
    } catch (error) {
      this.#log.error({ error }, 'workers may outlive a killed server: no watchdog')
    }
  }

  #closeEnds(): void {
    if (this.#ends === undefined) return
    closeSync(this.#ends.ours)
    closeSync(this.#ends.launchers)
    this.#ends = undefined
  }
}
