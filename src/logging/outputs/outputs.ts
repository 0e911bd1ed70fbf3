/** The places that the log is written to, each with its writer: standard streams, files, and servers that lines are sent to. */
import { openSync } from 'node:fs'
import type { Clock } from '../../core/clock.js'
import { ErrorCode, messageOf, RelayError } from '../../core/errors.js'
import { remoteTarget, type ShipAddress } from './remote.js'
import { type Rotation, rotatingFile } from './rotating-file.js'
import { type LogTarget, targetOf } from './target.js'
import { type DroppedLines, LogWriter } from './writer.js'

/** A place that lines are written to. */
export interface OutputSettings {
  /** `stderr`, `stdout`, or a file's path. */
  readonly path: string
  /** For a file: when it is set aside; absent: never. */
  readonly rotation?: Rotation | undefined
}

/** A place and its writer. */
export interface LogOutput {
  /** Descriptor that is written to; undefined for a server. */
  readonly fd: number | undefined
  readonly writer: LogWriter
}

/** Options of all places together. */
export interface LogOutputsOptions {
  readonly clock: Clock
  /** True: workers' output is to be held back, because one of the places is behind; false: it may go on. */
  readonly onHold: (isHeld: boolean) => void
  /** Called when lines were dropped at a place, whose name is undefined for the standard streams, and writing works again. */
  readonly onRecovered: (dropped: DroppedLines, place: string | undefined) => void
  /** Called with a fault of rotation. */
  readonly onFault: (what: string, path: string, error: unknown) => void
}

const stdoutFd = 1
const stderrFd = 2
// A collector of logs is in the group, others need not read them.
const fileMode = 0o640

/** All places of one log, each opened once. */
export class LogOutputs {
  readonly #options: LogOutputsOptions
  readonly #open = new Map<string, LogOutput>()
  readonly #held = new Set<string>()

  constructor(options: LogOutputsOptions) {
    this.#options = options
  }

  /** The output of a descriptor that is open. */
  ofDescriptor(fd: number): LogOutput {
    return this.#once(`descriptor ${fd}`, () => ({
      fd,
      writer: this.#writer(`descriptor ${fd}`, targetOf(fd)),
    }))
  }

  /** The output that settings name. Throws RR_LOG_OUTPUT when a file cannot be opened. */
  of({ path, rotation }: OutputSettings): LogOutput {
    if (path === 'stderr') return this.ofDescriptor(stderrFd)
    if (path === 'stdout') return this.ofDescriptor(stdoutFd)
    return this.#once(path, () => {
      try {
        if (rotation === undefined) {
          const fd = openSync(path, 'a', fileMode)
          return { fd, writer: this.#writer(path, targetOf(fd)) }
        }
        const { clock, onFault } = this.#options
        const file = rotatingFile({
          path,
          rotation,
          mode: fileMode,
          clock,
          onFault: (what, error) => onFault(what, path, error),
        })
        return { fd: file.fd, writer: this.#writer(path, file) }
      } catch (error) {
        throw new RelayError(
          ErrorCode.LogOutput,
          `the log cannot be written to ${path}: ${messageOf(error)}`,
          {
            hint: '`logs.output` takes stderr, stdout, or the path of a file that may be written.',
            cause: error,
          },
        )
      }
    })
  }

  /** The output of a server. It never holds workers back: what it does not take in time is dropped there and counted. */
  ofServer(address: ShipAddress): LogOutput {
    const place = `tcp://${address.host}:${address.port}`
    return this.#once(place, () => ({
      fd: undefined,
      writer: this.#writer(place, remoteTarget(address), false),
    }))
  }

  /** True when nothing waits on this machine; servers are not asked. */
  get isEmpty(): boolean {
    return this.#behind(false).length === 0
  }

  /** Resolves with true when all is written, with false after `limitMs`; servers are waited for at the end only. */
  async flush(limitMs: number, isEnd: boolean): Promise<boolean> {
    const ends = await Promise.all(this.#behind(isEnd).map(({ writer }) => writer.flush(limitMs)))
    return ends.every(Boolean)
  }

  #behind(withServers: boolean): LogOutput[] {
    return [...this.#open.values()].filter(({ fd, writer }) => {
      return !writer.isEmpty && (withServers || fd !== undefined)
    })
  }

  /** Reports the lines that were dropped anywhere, at the end of the process. */
  tellDropped(): void {
    for (const { writer } of [...this.#open.values()]) writer.tellDropped()
  }

  #once(place: string, make: () => LogOutput): LogOutput {
    const known = this.#open.get(place)
    if (known !== undefined) return known
    const made = make()
    this.#open.set(place, made)
    return made
  }

  #writer(place: string, target: LogTarget, holds = true): LogWriter {
    const { clock, onRecovered } = this.#options
    return new LogWriter({
      target,
      clock,
      onHold: (isHeld) => holds && this.#hold(place, isHeld),
      onRecovered: (dropped) => onRecovered(dropped, place.startsWith('descriptor ') ? undefined : place),
    })
  }

  #hold(place: string, isHeld: boolean): void {
    const before = this.#held.size > 0
    if (isHeld) this.#held.add(place)
    else this.#held.delete(place)
    if (before !== this.#held.size > 0) this.#options.onHold(!before)
  }
}
