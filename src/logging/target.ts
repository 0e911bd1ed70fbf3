/**
 * A descriptor that is written without waiting for whoever reads it. A write that blocks would stop the event loop; in a thread of
 * libuv's it would keep the process from exiting, which joins them. So pipes and terminals are opened again with O_NONBLOCK: a file
 * description of our own. The flag on a shared one makes other programs' writes fail, and they may take it away again at any time.
 */
import { constants, fstatSync, openSync, write, writeSync } from 'node:fs'
import { Socket } from 'node:net'

/** Called with the bytes that were taken, or with what the system said instead. */
export type Written = (error: NodeJS.ErrnoException | undefined, bytes: number) => void

/** Destination of the log's bytes. */
export interface LogTarget {
  /** Writes what is taken of `bytes`; `done` may be called before this returns. One call at a time. */
  write(bytes: Buffer, done: Written): void
}

/** The target behind an open descriptor. Throws when it is not open. */
export function targetOf(fd: number): LogTarget {
  const stats = fstatSync(fd)
  const own = stats.isFile() ? undefined : openAgain(fd)
  if (own !== undefined) return immediate(own)
  if (!stats.isSocket() && !stats.isFIFO()) return inThread(fd)
  // Node sets O_NONBLOCK on it, as it does for `process.stderr`, and takes it back from descriptors 0 to 2 at the end.
  new Socket({ fd, readable: false, writable: true }).unref()
  return immediate(fd)
}

/** Makes a target for regular files, which take bytes or fail, but may be slow. */
function inThread(fd: number): LogTarget {
  return { write: (bytes, done) => write(fd, bytes, (error, count) => done(error ?? undefined, count ?? 0)) }
}

/** A system call that never waits is cheaper than a way through another thread, and leaves nothing behind when we are killed. */
function immediate(fd: number): LogTarget {
  return {
    write: (bytes, done) => {
      let count = 0
      let fault: NodeJS.ErrnoException | undefined
      try {
        while (count < bytes.length) count += writeSync(fd, bytes, count)
      } catch (error) {
        fault = error as NodeJS.ErrnoException
      }
      // What stopped it is said again by the next write.
      done(count > 0 ? undefined : fault, count)
    },
  }
}

/**
 * Opens the file of a descriptor again; undefined where that is impossible: a socket, a pipe or terminal of another user, a
 * system without /proc.
 */
function openAgain(fd: number): number | undefined {
  const flags = constants.O_WRONLY | constants.O_NONBLOCK | constants.O_NOCTTY
  try {
    return openSync(`/proc/self/fd/${fd}`, flags)
  } catch {
    // Whatever the reason is, there is another way.
    return undefined
  }
}
