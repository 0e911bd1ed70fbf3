/** The relay `pipes`: a child's standard output and input. */
import type { Readable, Writable } from 'node:stream'
import type { Relay, RelayLimits } from '../relay.js'
import { StreamRelay, sourceOf } from './stream-relay.js'

/** Frames from `input` (the child's stdout) and to `output` (its stdin). */
export function pipesRelay(input: Readable, output: Writable, limits: RelayLimits): Relay {
  return new StreamRelay(sourceOf(input), output, limits)
}
