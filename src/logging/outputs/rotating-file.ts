/**
 * A file of the log that is set aside when it has grown: `app.log` becomes `app-2026-01-02T03-04-05.678.log`, as RoadRunner's logger names
 * it, and old ones are removed. The rename is synchronous and rare; removing and compressing happen beside the log.
 */
import { closeSync, fstatSync, openSync, renameSync, write } from 'node:fs'
import { readdir, rename, rm } from 'node:fs/promises'
import { basename, dirname, extname, join } from 'node:path'
import type { Clock } from '../../core/clock.js'
import type { LogTarget } from './target.js'

/** Limits of a file, and of the files that were set aside. RoadRunner's `file_logger_options`. */
export interface Rotation {
  /** Size in bytes that the file does not exceed, but for one chunk of lines that is longer. */
  readonly bytesMax: number
  /** Age in days after which files that were set aside are removed; 0: never. */
  readonly daysMax: number
  /** Number of them that are kept; 0: all. */
  readonly filesMax: number
  /** True: they are compressed (`.gz`). */
  readonly isCompressed: boolean
}

/** Options of a rotating file. */
export interface RotatingFileOptions {
  readonly path: string
  /** Mode of the files that it makes. */
  readonly mode: number
  readonly rotation: Rotation
  readonly clock: Clock
  /** Called with what could not be done; the log goes on in the file that is open. */
  readonly onFault: (what: string, error: unknown) => void
}

const lineEnd = 0x0a
const msPerDay = 86_400_000

/** Opens the file, which is appended to, and returns a target that sets it aside. Throws the system's error when it cannot be opened. */
export function rotatingFile(options: RotatingFileOptions): LogTarget & { readonly fd: number } {
  return new RotatingFile(options)
}

class RotatingFile implements LogTarget {
  fd: number
  readonly #options: RotatingFileOptions
  #bytes: number
  /** True when the last write ended a line: a line is never cut in two files. */
  #isBetweenLines = true
  /** Removing and compressing, one after the other. */
  #upkeep = Promise.resolve()

  constructor(options: RotatingFileOptions) {
    this.#options = options
    this.fd = openSync(options.path, 'a', options.mode)
    this.#bytes = fstatSync(this.fd).size
  }

  write(bytes: Buffer, done: Parameters<LogTarget['write']>[1]): void {
    const isFull = this.#bytes > 0 && this.#bytes + bytes.length > this.#options.rotation.bytesMax
    if (isFull && this.#isBetweenLines) this.#setAside()
    write(this.fd, bytes, (error, count) => {
      if (count > 0) {
        this.#bytes += count
        this.#isBetweenLines = bytes[count - 1] === lineEnd
      }
      done(error ?? undefined, count ?? 0)
    })
  }

  #setAside(): void {
    const { path, mode, clock, onFault } = this.#options
    try {
      renameSync(path, nameOf(path, clock.nowMs()))
      const next = openSync(path, 'a', mode)
      closeSync(this.fd)
      this.fd = next
      this.#upkeep = this.#upkeep
        .then(() => this.#tidy())
        .catch((error) =>
          onFault('files of the log that were set aside could not be removed or compressed', error),
        )
    } catch (error) {
      // Not tried again with every line: only once as much has been written again.
      onFault('the file of the log could not be set aside and grows', error)
    }
    this.#bytes = 0
  }

  /** Compresses and removes files that were set aside. */
  async #tidy(): Promise<void> {
    const { path, clock, rotation } = this.#options
    const folder = dirname(path)
    const files = (await readdir(folder)).filter((file) => setAsideMs(path, file) !== undefined)
    // Their names have the time: the newest first.
    files.sort().reverse()
    const oldestMs = rotation.daysMax === 0 ? 0 : clock.nowMs() - rotation.daysMax * msPerDay
    for (const [at, file] of files.entries()) {
      const isTooMany = rotation.filesMax > 0 && at >= rotation.filesMax
      if (isTooMany || (setAsideMs(path, file) ?? 0) < oldestMs) await rm(join(folder, file), { force: true })
      else if (rotation.isCompressed && !file.endsWith('.gz')) await compress(join(folder, file))
    }
  }
}

/** `/a/app.log` becomes `/a/app-2026-01-02T03-04-05.678.log`. */
function nameOf(path: string, timeMs: number): string {
  const [name, end] = [basename(path, extname(path)), extname(path)]
  const time = new Date(timeMs).toISOString().slice(0, -1).replaceAll(':', '-')
  return join(dirname(path), `${name}-${time}${end}`)
}

/** Time at which that file was set aside; undefined when it is another file. */
function setAsideMs(path: string, file: string): number | undefined {
  const [name, end] = [basename(path, extname(path)), extname(path)]
  if (!file.startsWith(`${name}-`)) return undefined
  const rest = file.slice(name.length + 1).replace(/\.gz$/, '')
  const time = rest.endsWith(end) ? rest.slice(0, rest.length - end.length) : ''
  const [, day, hour, minute, second] = /^(\d{4}-\d\d-\d\d)T(\d\d)-(\d\d)-(\d\d\.\d{3})$/.exec(time) ?? []
  if (day === undefined) return undefined
  return Date.parse(`${day}T${hour}:${minute}:${second}Z`)
}

/** Writes `FILE.gz` and removes the file; a half one of a server that ended meanwhile is written again. */
async function compress(file: string): Promise<void> {
  const { createReadStream, createWriteStream } = await import('node:fs')
  const { pipeline } = await import('node:stream/promises')
  const { createGzip } = await import('node:zlib')
  const half = `${file}.gz.part`
  await pipeline(createReadStream(file), createGzip(), createWriteStream(half, { mode: 0o640 }))
  await rename(half, `${file}.gz`)
  await rm(file)
}
