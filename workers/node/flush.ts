/** Writes printed output before the answer: Node writes to pipes asynchronously, and the job of a line ends with its answer. */
import type { Writable } from 'node:stream'

/** Resolves when standard output and standard error have been written; undefined when there is nothing to wait for, as nearly always. */
export function flushOutput(): Promise<unknown> | undefined {
  const waiting = [process.stderr, process.stdout].filter(hasUnwritten)
  return waiting.length === 0 ? undefined : Promise.all(waiting.map(written))
}

/** Tells whether a stream has unwritten output; output that its owner holds back by `cork` does not count. */
function hasUnwritten(stream: Writable): boolean {
  return stream.writableLength > 0 && stream.writableCorked === 0 && stream.writable
}

/** The server always reads, so this ends. A stream that broke has nothing left to wait for, either. */
function written(stream: Writable): Promise<void> {
  return new Promise((resolve) => {
    stream.write('', () => resolve())
  })
}
