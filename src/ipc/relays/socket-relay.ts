/** The relays `unix` and `tcp`: one accepted connection. */
import type { Socket } from 'node:net'
import type { Relay, RelayLimits } from '../relay.js'
import { StreamRelay, sourceOf } from './stream-relay.js'

/** Frames over a connected socket; small frames are not held back (TCP_NODELAY). */
export function socketRelay(socket: Socket, limits: RelayLimits): Relay {
  socket.setNoDelay(true)
  return new StreamRelay(sourceOf(socket), socket, limits)
}
