/** Two relays joined in memory, through the real codec: sockets without sockets, for tests and for in-process peers. */
import { PassThrough } from 'node:stream'
import type { Relay, RelayLimits } from './relay.js'
import { StreamRelay } from './stream-relay.js'

/** What one end sends the other reads. Closing one end ends the other. */
export function memoryRelayPair(limits: RelayLimits): readonly [Relay, Relay] {
  const [there, back] = [new PassThrough(), new PassThrough()]
  // A destroyed pipe would not tell its other end, as a real one does.
  there.on('close', () => back.destroy())
  back.on('close', () => there.destroy())
  return [new StreamRelay(back, there, limits), new StreamRelay(there, back, limits)]
}
