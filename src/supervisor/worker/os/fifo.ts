/**
 * Named pipes. Node's own stdio "pipes" are sockets: a child that opens /dev/stderr by path gets ENXIO from them, where
 * a FIFO works as the pipe that Go or a shell would give.
 */
import { execFile } from 'node:child_process'
import { closeSync, constants, fchownSync, openSync, readSync, rmSync, unlinkSync } from 'node:fs'
import { Socket } from 'node:net'
import type { Readable } from 'node:stream'
import { promisify } from 'node:util'

const mkfifoTimeoutMs = 10_000
const triesMax = 5

/**
 * Makes FIFOs with mode 0600, all with one call of `mkfifo`; rejects when the program is missing. The names are to hold our pid: a file
 * that has one was left by a killed server of the same pid, and is replaced. A `mkfifo` that was killed is called again: without FIFOs
 * there would be no watchdog.
 */
export async function makeFifos(paths: readonly string[]): Promise<void> {
  for (let left = triesMax - 1; ; left -= 1) {
    for (const path of paths) rmSync(path, { force: true })
    try {
      await promisify(execFile)('mkfifo', ['-m', '600', '--', ...paths], { timeout: mkfifoTimeoutMs })
      return
    } catch (error) {
      if (left === 0 || !wasKilled(error)) throw error
    }
  }
}

function wasKilled(error: unknown): boolean {
  return typeof error === 'object' && error !== null && 'signal' in error && error.signal === 'SIGKILL'
}

const readBuffer = Buffer.allocUnsafe(64 * 1024)

function readSome(fd: number): Buffer | undefined {
  try {
    const count = readSync(fd, readBuffer)
    return count === 0 ? undefined : readBuffer.subarray(0, count)
  } catch {
    // EAGAIN: it is empty. Any other fault is the stream's to tell.
    return undefined
  }
}

/** A descriptor's number may be another's by the second time. */
function once(run: () => void): () => void {
  let isDone = false
  return () => {
    if (!isDone) run()
    isDone = true
  }
}

/** User and group that may open the descriptor again by path, as `/dev/stderr` does. */
export interface FifoOwner {
  readonly uid: number
  readonly gid: number
}

/** A FIFO that is open at both ends and has no name any more. */
export interface OpenFifo {
  /** Our end, which never blocks; a stream that is made of it closes it, else `close` does. */
  readonly fd: number
  /** The child's end; close it with `closeChildEnd` once the child has been spawned; again is harmless. */
  readonly childFd: number
  closeChildEnd(): void
  /** Closes both ends; only while `fd` is nobody else's. */
  close(): void
}

/** Side of a FIFO that a child has. */
export type ChildSide = 'reads' | 'writes'

/** Opens both ends of the FIFO at `path` without blocking, then removes its name; its mode stays 0600. */
export function openFifo(path: string, childSide: ChildSide, owner?: FifoOwner): OpenFifo {
  const { O_RDONLY, O_WRONLY, O_RDWR, O_NONBLOCK } = constants
  const opened: number[] = []
  const open = (flags: number) => {
    const fd = openSync(path, flags)
    opened.push(fd)
    return fd
  }
  try {
    // With a reader and a writer there already, neither end waits for the other or is refused.
    const both = open(O_RDWR | O_NONBLOCK)
    if (owner !== undefined) fchownSync(both, owner.uid, owner.gid)
    const childFd = open(childSide === 'reads' ? O_RDONLY : O_WRONLY)
    const fd = open((childSide === 'reads' ? O_WRONLY : O_RDONLY) | O_NONBLOCK)
    closeSync(both)
    const closeChildEnd = once(() => closeSync(childFd))
    const close = () => {
      closeChildEnd()
      closeSync(fd)
    }
    return { fd, childFd, closeChildEnd, close: once(close) }
  } catch (error) {
    for (const fd of opened) closeSync(fd)
    throw error
  } finally {
    unlinkSync(path)
  }
}

/** A stream of what a child writes, and a way to read it at once. */
export interface FifoOutput {
  readonly stream: Readable
  /** Reads what the FIFO holds at this moment; undefined when it is empty. The bytes are valid until the next call. */
  readNow(): Buffer | undefined
}

/** Makes a stream of our end of a FIFO, which it closes. */
export function readFifo({ fd }: OpenFifo): FifoOutput {
  const stream = new Socket({ fd, readable: true, writable: false })
  // The descriptor's number may be another's once the stream is gone.
  return { stream, readNow: () => (stream.destroyed ? undefined : readSome(fd)) }
}
