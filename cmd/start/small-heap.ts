/**
 * Keeps V8's heap small under load: the process grows to 70 MB instead of 95, and is not slower. `--optimize-for-size` would save ten more
 * and cost a quarter of the processor time of an event. The flags are set once the server runs: as arguments of node they would make V8
 * refuse the code of Node's own modules, which takes 26 ms of a start.
 */
import { createRequire } from 'node:module'

// The young heap stays as it is. A limit of the old one would end the server on an event that needs more; so it is only collected sooner,
// when it has grown by a tenth (and by 8 MB at least): 6 MB less under load for one more full collection in 8,000 events.
const flags = ['--semi-space-growth-factor=1', '--heap-growing-percent=10']
const afterMs = 200

/** Sets the flags in a moment, when nothing of the start is left to load. */
export function keepHeapSmall(delayMs = afterMs): void {
  const load = createRequire(import.meta.filename)
  const set = () => {
    const { setFlagsFromString }: typeof import('node:v8') = load('node:v8')
    for (const flag of flags) setFlagsFromString(flag)
  }
  setTimeout(set, delayMs).unref()
}
