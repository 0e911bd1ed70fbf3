/**
 * Children that were started before the server was loaded. Each waits to be taken over by the worker that would have been started with
 * the same words, folder and environment, and has been asked for its pid; what is left over is killed. Until its first job the end of its
 * input ends a child.
 */
import { spawnSync } from 'node:child_process'
import { rmSync, writeSync } from 'node:fs'
import { pidRequest } from '../../../ipc/control.js'
import { encodeFrame } from '../../../ipc/frame.js'
import type { LaunchSettings } from './launcher.js'
import { type EarlyChild, exitOf, signalWorkerGroup, spawnChild } from './process.js'
import { fifoCounts, fifosOf, openStandardFifos } from './standard-fifos.js'

/** Options that an early child must share with the worker that it becomes. */
export interface EarlyFacts {
  readonly words: readonly string[]
  readonly cwd: string
  readonly env: Readonly<Record<string, string>>
}

const noSettings: LaunchSettings = {}
const mkfifoMsMax = 1000
const ownFiles = ['/usr/bin/mkfifo', '/bin/mkfifo', 'mkfifo'] as const

/** Children of one start. */
export class EarlyChildren {
  readonly #facts: EarlyFacts
  #children: EarlyChild[] = []
  #fifo: string | undefined

  /** Starts nothing yet. */
  constructor(facts: EarlyFacts) {
    this.#facts = facts
  }

  /**
   * Starts `count` of them; `pathOf` names their FIFOs, and one more for `takeFifo`. Throws what keeps one from being started: none is left
   * then.
   */
  start(count: number, pathOf: (at: number) => string): void {
    const paths = Array.from({ length: 1 + count * fifoCounts.relay }, (_, at) => pathOf(at))
    try {
      makeFifosNow(paths, this.#facts.env.PATH)
      this.#fifo = paths.shift()
      for (let left = count; left > 0; left -= 1) this.#startOne(paths.splice(-fifoCounts.relay))
    } catch (error) {
      this.discard()
      for (const path of paths) rmSync(path, { force: true })
      throw error
    }
  }

  #startOne(paths: readonly string[]): void {
    const { words, cwd, env } = this.#facts
    const fifos = openStandardFifos(paths, 'relay')
    try {
      // It answers as soon as it has booted, while the server is loaded. Nobody has read the pipe yet, so the bytes have room.
      if (fifos.relay !== undefined) writeSync(fifos.relay.stdin.fd, encodeFrame(pidRequest(process.pid)))
      const about = { words, cwd, env, usesPipes: true, fifos, watchdog: undefined, settings: noSettings }
      const { child } = spawnChild(about)
      const exited = exitOf(child)
      if (child.pid === undefined) throw new Error(`the system could not start ${words.join(' ')}`)
      this.#children.push({ child, exited, fifos })
    } catch (error) {
      for (const fifo of fifosOf(fifos)) fifo.close()
      throw error
    }
  }

  /** Hands over one that was started just so; undefined when there is none left. */
  take(facts: EarlyFacts): EarlyChild | undefined {
    return isSame(facts, this.#facts) ? this.#children.shift() : undefined
  }

  /**
   * Hands over the path of a FIFO that nobody has opened, once. It is the watchdog's: the first workers wait for that, and a `mkfifo` of its
   * own would cost it another process.
   */
  takeFifo(): string | undefined {
    const path = this.#fifo
    this.#fifo = undefined
    return path
  }

  /** Kills those that nobody took over. */
  discard(): void {
    const left = this.#children
    this.#children = []
    const fifo = this.takeFifo()
    if (fifo !== undefined) rmSync(fifo, { force: true })
    for (const { child, fifos } of left) {
      if (child.pid !== undefined) signalWorkerGroup(child.pid, 'SIGKILL')
      for (const fifo of fifosOf(fifos)) fifo.close()
    }
  }
}

/** In one call, and waited for: nothing else is to be done meanwhile. */
function makeFifosNow(paths: readonly string[], path: string | undefined): void {
  // Left by a killed server that had our pid.
  for (const path of paths) rmSync(path, { force: true })
  for (const program of ownFiles) {
    const { error, status } = spawnSync(program, ['-m', '600', '--', ...paths], {
      stdio: 'ignore',
      // Without one it loads the thirteen files of its language.
      env: { LC_ALL: 'C', PATH: path },
      timeout: mkfifoMsMax,
    })
    if (status === 0) return
    if (error === undefined || !('code' in error) || error.code !== 'ENOENT')
      throw new Error(`mkfifo ended with ${error?.message ?? status}`)
  }
  throw new Error('there is no mkfifo')
}

function isSame(one: EarlyFacts, other: EarlyFacts): boolean {
  const names = Object.keys(one.env)
  return (
    one.cwd === other.cwd &&
    one.words.length === other.words.length &&
    one.words.every((word, at) => word === other.words[at]) &&
    names.length === Object.keys(other.env).length &&
    names.every((name) => one.env[name] === other.env[name])
  )
}
