/** Waits for a client that takes its answer slowly. */
import type { Writable } from 'node:stream'

/** Resolves when the stream can take more; rejects when it has been closed. */
export function clientDrained(stream: Writable): Promise<void> {
  return new Promise((resolve, reject) => {
    const end = (act: () => void) => {
      stream.off('drain', onDrain).off('close', onClose)
      act()
    }
    const onDrain = () => end(resolve)
    const onClose = () => end(() => reject(new Error('the client has left')))
    stream.on('drain', onDrain).on('close', onClose)
  })
}
