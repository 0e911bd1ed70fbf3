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
 * Makes FIFOs with mode 0600, all with one call of `mkfifo`; rejects when the program is missing or a path exists. One that
 * somebody killed is called again: without FIFOs there would be no watchdog.
 */
export async function makeFifos(paths: readonly string[]): Promise<void> {
  for (let left = triesMax - 1; ; left -= 1) {
    try {
      await promisify(execFile)('mkfifo', ['-m', '600', '--', ...paths], { timeout: mkfifoTimeoutMs })
      return
    } catch (error) {
      if (left === 0 || !wasKilled(error)) throw error
      for (const path of paths) rmSync(path, { force: true })
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

/** One direction from a child to us: a descriptor to hand to `spawn`, and the stream of what the child writes. */
export interface OutputFifo {
  /** The child's end; close it with `closeChildEnd` once the child has been spawned; again is harmless. */
  readonly childFd: number
  readonly stream: Readable
  /** Reads what the FIFO holds at this moment; undefined when it is empty. The bytes are valid until the next call. */
  readNow(): Buffer | undefined
  closeChildEnd(): void
}

/** User and group that may open the descriptor again by path, as `/dev/stderr` does. */
export interface FifoOwner {
  readonly uid: number
  readonly gid: number
}

/** Opens a FIFO for reading without waiting, and its write end for a child; then removes its name. */
export function openOutputFifo(path: string, owner?: FifoOwner): OutputFifo {
  const ourFd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
  try {
    if (owner !== undefined) fchownSync(ourFd, owner.uid, owner.gid)
    const childFd = openSync(path, constants.O_WRONLY)
    const stream = new Socket({ fd: ourFd, readable: true, writable: false })
    return {
      childFd,
      stream,
      // The descriptor's number may be another's once the stream is gone.
      readNow: () => (stream.destroyed ? undefined : readSome(ourFd)),
      closeChildEnd: once(() => closeSync(childFd)),
    }
  } catch (error) {
    closeSync(ourFd)
    throw error
  } finally {
    unlinkSync(path)
  }
}
