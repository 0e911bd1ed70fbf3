/** Types only for now; the codec follows in the next commit. */

/** Flag bits of byte 1. */
export const FrameFlag = {
  control: 0x01,
  raw: 0x04,
  json: 0x08,
  msgpack: 0x10,
  gob: 0x20,
  error: 0x40,
  proto: 0x80,
} as const
/** Bits of byte 10. */
export const StreamBit = { more: 0x01, stop: 0x02, ping: 0x04, pong: 0x08 } as const

/** A frame that came in. */
export interface Frame {
  readonly flags: number
  readonly stream: number
  readonly options: readonly number[]
  readonly payload: Buffer
}

/** A frame to write: payload = head, then body, either as bytes or as text (UTF-8). */
export interface FrameParts {
  readonly flags: number
  readonly stream?: number
  /** At most 10 unsigned 32-bit words; `'head'` is one option, the byte length of the head (jobs and replies). */
  readonly options: readonly number[] | 'head'
  readonly head: Uint8Array | string
  readonly body?: Uint8Array | string
}
