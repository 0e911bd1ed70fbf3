/**
 * Goridge RPC messages: a frame with two options, sequence number and length of the method's name; payload = name, then the
 * argument or reply. Answers repeat codec, sequence and name; an error adds the ERROR flag and is a text. Pure.
 */
import { messageOf } from '../../core/errors.js'
import { type Frame, FrameFlag, type FrameParts } from '../frame.js'

/** A request or an answer, decoded as far as the envelope goes. */
export interface RpcMessage {
  readonly sequence: number
  readonly method: string
  /** The codec's flag bit; 0 when there is none. */
  readonly codec: number
  readonly isError: boolean
  readonly data: Buffer
}

/** Bytes of one request or answer at most, in either direction. */
export const rpcBytesMax = 64 * 1024 * 1024
// `service.Method`; no service has a longer name.
const methodBytesMax = 256

const codecs = [FrameFlag.proto, FrameFlag.json, FrameFlag.raw, FrameFlag.msgpack, FrameFlag.gob]

/** Reads the envelope; undefined when the frame is not an RPC message. The data is copied. */
export function readRpc({ flags, options, payload }: Frame): RpcMessage | undefined {
  const [sequence, methodBytes] = options
  if (options.length !== 2 || sequence === undefined || methodBytes === undefined) return undefined
  if (methodBytes > payload.length || methodBytes > methodBytesMax) return undefined
  return {
    sequence,
    method: payload.toString('utf8', 0, methodBytes),
    codec: codecOf(flags),
    isError: (flags & FrameFlag.error) !== 0,
    data: Buffer.from(payload.subarray(methodBytes)),
  }
}

/** The codec's flag bit; 0 when there is none. */
export function codecOf(flags: number): number {
  return codecs.find((codec) => (flags & codec) !== 0) ?? 0
}

/** Makes a frame of a message. */
export function rpcParts(
  message: Omit<RpcMessage, 'data'> & { readonly data: Uint8Array | string },
): FrameParts {
  const { sequence, method, codec, isError, data } = message
  return {
    flags: codec | (isError ? FrameFlag.error : 0),
    options: [sequence, Buffer.byteLength(method)],
    head: method,
    body: data,
  }
}

/** Returns the text with which a failed method is answered: the message of its error, never empty, cut at 64 KB. */
export function errorText(error: unknown): string {
  const text = messageOf(error)
  return text === '' ? 'rpc: the method failed and did not say why' : text.slice(0, errorCharactersMax)
}

const errorCharactersMax = 64 * 1024
