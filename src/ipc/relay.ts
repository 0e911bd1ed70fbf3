/**
 * The port between a worker's bytes and the worker: whole frames in both directions, whatever carries them.
 * Adapters: pipes, unix, tcp, memory; one conformance suite (`tests/conformance/relay.ts`) holds them all to this.
 */
import type { Undo } from '../core/abort.js'
import type { RelayError } from '../core/errors.js'
import type { Frame, FrameParts } from './frame.js'

/** Reader of a relay, of which there is one at a time. Called synchronously as bytes arrive, never after `closed`. */
export interface RelayReader {
  /** A whole frame; its payload is a view that is valid during the call only: copy what you keep. */
  frame(frame: Frame): void
  /** Bytes that belong to no frame: the worker's stray output. A view, valid during the call only. */
  junk(bytes: Buffer): void
  /**
   * The end, once: by the peer or by `close` (`undefined`), or by a fault: RR_IPC_BAD_FRAME, RR_IPC_FRAME_TOO_LARGE, or
   * RR_IPC_RELAY_CLOSED when it ended within a frame or could not be read.
   */
  closed(fault: RelayError | undefined): void
}

/** Frames to and from one worker. */
export interface Relay {
  /** Attaches the reader; bytes that came earlier are delivered first. Call it again to hand the relay on. */
  read(reader: RelayReader): void
  /**
   * Writes one frame in one write; after the end it does nothing: the reader has been told. A large body is not copied, so
   * leave its bytes alone afterwards. Throws as `encodeFrame` does.
   */
  send(parts: FrameParts): void
  /** Holds back what is sent until the returned function is called, which writes all of it at once. */
  joinWrites(): Undo
  /** Takes nothing more in until `resume`: what the peer writes fills its pipe, and then the peer waits. */
  pause(): void
  resume(): void
  /** Ends both directions now; the reader is told with `undefined`. Calling it again is harmless. */
  close(): void
}

/** Limits of a relay, in bytes. */
export interface RelayLimits {
  /** The longest payload that is taken in; checked against the header before anything is allocated. */
  readonly payloadBytesMax: number
  /** The most junk before a valid header; more ends the relay. */
  readonly junkBytesMax: number
}

/** Limits that leave room for the largest payloads: functions in the cloud take 6 MB, RoadRunner's users send far less. */
export const defaultRelayLimits: RelayLimits = {
  payloadBytesMax: 64 * 1024 * 1024,
  junkBytesMax: 1024 * 1024,
}
