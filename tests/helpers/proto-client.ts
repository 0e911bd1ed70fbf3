/** An RPC client for tests that speaks PROTO, with messages from tables, as RoadRunner's PHP packages do. */
import type { TestContext } from 'node:test'
import { PbfReader, PbfWriter } from 'pbf'
import { encodeFrame, FrameFlag } from '../../src/ipc/frame.js'
import { rpcParts } from '../../src/ipc/rpc/codec.js'
import type { ProtoMessage } from '../../src/ipc/rpc/procedure.js'
import { rawRpc } from './rpc.js'

/** Sends a request and resolves with the answer, or rejects with the server's text. */
export type ProtoCall = <I, O>(
  method: string,
  messages: { readonly request: ProtoMessage<I>; readonly reply: ProtoMessage<O> },
  input: I,
) => Promise<O>

/** Connects to `unix://PATH`. */
export async function protoClient(t: TestContext, address: string): Promise<ProtoCall> {
  const client = await rawRpc(t, address.replace('unix://', ''))
  let sequence = 0
  return async (method, { request, reply }, input) => {
    sequence += 1
    const writer = new PbfWriter()
    request.write(input, writer)
    const message = { sequence, method, codec: FrameFlag.proto, isError: false, data: writer.finish() }
    client.socket.write(encodeFrame(rpcParts(message)))
    const answer = await client.answer(sequence)
    if (answer.isError) throw new Error(answer.data.toString())
    return reply.read(new PbfReader(answer.data), answer.data.length)
  }
}
