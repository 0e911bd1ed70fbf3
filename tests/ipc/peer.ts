/** The other end of a relay under test: sends frames back, and misbehaves on command. */
import type { Readable, Writable } from 'node:stream'
import { FrameDecoder } from '../../src/ipc/decoder.js'
import { encodeFrame, type Frame, FrameFlag, type FrameParts } from '../../src/ipc/frame.js'
import { defaultRelayLimits } from '../../src/ipc/relay.js'

/** Commands of a peer; it sends every frame without the CONTROL flag back as it came. */
export interface PeerCommand {
  /** Writes this text, which is not a frame. */
  readonly print?: string
  /** Writes these bytes of a frame, in hex. */
  readonly bytes?: string
  /** Then ends its side. */
  readonly end?: true
}

/** A command as a frame. */
export function command(what: PeerCommand): FrameParts {
  return { flags: FrameFlag.control, options: [], head: JSON.stringify(what) }
}

/** Serves until its input or the command `end` ends it. */
export function servePeer(input: Readable, output: Writable): void {
  const obey = ({ payload }: Frame) => {
    const what: PeerCommand = JSON.parse(payload.toString())
    if (what.print !== undefined) output.write(what.print)
    if (what.bytes !== undefined) output.write(Buffer.from(what.bytes, 'hex'))
    if (what.end === true) output.end()
  }
  const decoder = new FrameDecoder(defaultRelayLimits, {
    junk: (bytes) => output.destroy(new Error(`the relay sent junk: ${bytes.toString('latin1')}`)),
    frame: (frame) => {
      if ((frame.flags & FrameFlag.control) !== 0) obey(frame)
      else if (!output.writableEnded) output.write(encodeFrame({ ...frame, head: frame.payload }))
    },
  })
  input.on('data', (chunk: Buffer) => decoder.push(chunk))
  input.on('end', () => output.end())
  // The end of a test: whoever was connected has gone.
  input.on('error', () => output.destroy())
  output.on('error', () => input.destroy())
}
