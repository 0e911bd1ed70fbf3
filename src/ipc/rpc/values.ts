/**
 * Inputs and answers of procedures in the codec of the request: JSON and MSGPACK as they are, PROTO where messages are named, RAW
 * where it is asked for. MSGPACK and PROTO are loaded with their first request. All errors have a text for the client.
 */
import { FrameFlag } from '../frame.js'
import { type RpcMessage, rpcBytesMax } from './codec.js'
import { decodePack, encodePack } from './msgpack.js'
import type { ProcedureCodecs, ProtoMessage } from './procedure.js'

/** True for codecs whose values describe themselves: JSON and MSGPACK. */
export function isPlain(codec: number): boolean {
  return codec === FrameFlag.json || codec === FrameFlag.msgpack
}

function takesPlain({ input, request, raw }: ProcedureCodecs): boolean {
  return input !== undefined || (request === undefined && raw !== true)
}

/** A request's input; undefined when a plain one is empty. Rejects when the procedure does not take the codec. */
export async function decodeInput(codecs: ProcedureCodecs, message: RpcMessage): Promise<unknown> {
  const { codec, data } = message
  if (codec === FrameFlag.raw && codecs.raw === true) return data
  if (codec === FrameFlag.proto && codecs.request !== undefined) {
    return decodeProto(codecs.request, data)
  }
  if (!isPlain(codec) || !takesPlain(codecs))
    throw new Error(`rpc: ${message.method} does not take ${nameOf(codec)} requests`)
  if (data.length === 0) return undefined
  return codec === FrameFlag.json ? decodeJson(data) : decodePack(data)
}

/** An answer in the codec of its request. Rejects for what the codec cannot express, and for over 64 MB. */
export async function encodeAnswer(
  codecs: ProcedureCodecs,
  codec: number,
  value: unknown,
): Promise<Uint8Array | string> {
  const data = await encodeValue(codecs, codec, value)
  const bytes = Buffer.byteLength(data)
  if (bytes > rpcBytesMax) throw new Error(`rpc: the answer has ${bytes} bytes, ${rpcBytesMax} fit`)
  return data
}

async function encodeValue(
  codecs: ProcedureCodecs,
  codec: number,
  value: unknown,
): Promise<Uint8Array | string> {
  switch (codec) {
    case FrameFlag.raw:
      if (typeof value === 'string' || value instanceof Uint8Array) return value
      throw new Error('rpc: the answer to a RAW request has to be text or bytes')
    case FrameFlag.proto:
      return codecs.reply === undefined ? '' : encodeProto(codecs.reply, value)
    case FrameFlag.msgpack:
      return encodePack(value)
    default:
      // JSON cannot express a function or a symbol; `stringify` returns undefined for them.
      return JSON.stringify(value) ?? 'null'
  }
}

function decodeJson(data: Buffer): unknown {
  try {
    return JSON.parse(data.toString('utf8'))
  } catch {
    // The parser's message quotes the argument, which may be secret.
    throw new Error('rpc: the argument is not JSON')
  }
}

async function decodeProto(message: ProtoMessage<unknown>, data: Buffer): Promise<unknown> {
  const { PbfReader } = await import('pbf')
  const reader = new PbfReader(data)
  let value: unknown
  try {
    value = message.read(reader, data.length)
  } catch {
    throw notProto()
  }
  // A length within the message points behind its end, or a field number is 0.
  if (reader.pos !== data.length) throw notProto()
  return value
}

async function encodeProto(message: ProtoMessage<unknown>, value: unknown): Promise<Uint8Array> {
  const { PbfWriter } = await import('pbf')
  const writer = new PbfWriter()
  message.write(value, writer)
  return writer.finish()
}

function notProto(): Error {
  return new Error('rpc: the argument is not the protobuf message of this method')
}

function nameOf(codec: number): string {
  const [name = 'such'] = Object.entries(FrameFlag).find(([, flag]) => flag === codec) ?? []
  return name.toUpperCase()
}
