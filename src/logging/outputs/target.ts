/**
 * Writes to a descriptor without waiting for its reader. A write that blocks would stop the event loop; in a thread of libuv it
 * would keep the process from exiting, which joins them. So pipes and terminals are opened again with O_NONBLOCK: a file
 * description of our own. The flag on a shared one makes other programs' writes fail, and they may take it away again at any time.
 */
import { constants, fstatSync, openSync, write, writeSync } from 'node:fs'
import { Socket } from 'node:net'

/** Called with the number of bytes that were taken, or with the error of the system. */
export type Written = (error: NodeJS.ErrnoException | undefined, bytes: number) => void

/** Destination of the log's bytes. */
export interface LogTarget {
  /** Writes as much of `bytes` as is taken; `done` may be called before this returns. One call at a time. */
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

/** Makes a target that writes in a system call, which never waits here: cheaper than a thread, and nothing is left when we are killed. */
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
      // The next write reports the same error again.
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
    // The caller has another way, whatever the reason is.
    return undefined
  }
}
