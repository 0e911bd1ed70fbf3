/** A bare RPC client that may misbehave: bytes out, whole answers in, and whether the server still keeps the connection. */
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import type { TestContext } from 'node:test'
import { FrameDecoder } from '../../src/ipc/decoder.js'
import { encodeFrame, FrameFlag } from '../../src/ipc/frame.js'
import { type RpcMessage, readRpc, rpcParts } from '../../src/ipc/rpc/codec.js'
import type { Dispatch } from '../../src/ipc/rpc/connection.js'
import { decodeInput, encodeAnswer } from '../../src/ipc/rpc/values.js'

/** One connection. */
export interface RawRpc {
  readonly socket: Socket
  /** Answers so far. */
  readonly answers: readonly RpcMessage[]
  /** Resolves with the answer to this sequence number; rejects when the connection ends before. */
  answer(sequence: number): Promise<RpcMessage>
  /** Sends a call and resolves with its answer's text. */
  call(method: string, argument?: unknown): Promise<string>
  /** Resolves when the server has closed the connection. */
  readonly closed: Promise<void>
}

/** Answers each request with what a function makes of its method and its input. */
export function plainDispatch(run: (method: string, input: unknown) => unknown): Dispatch {
  return async (request) => {
    const value = await run(request.method, await decodeInput({}, request))
    return encodeAnswer({}, request.codec, value)
  }
}

const limits = { payloadBytesMax: 64 * 1024 * 1024, junkBytesMax: 0 }

/** The bytes of a request. */
export function requestBytes(sequence: number, method: string, argument: unknown = null): Buffer {
  const data = JSON.stringify(argument)
  return encodeFrame(rpcParts({ sequence, method, codec: FrameFlag.json, isError: false, data }))
}

/** Connects to a socket file or to a port of this machine. */
export async function rawRpc(t: TestContext, where: string | number): Promise<RawRpc> {
  const socket = typeof where === 'string' ? connect(where) : connect(where, '127.0.0.1')
  t.after(() => socket.destroy())
  const answers: RpcMessage[] = []
  const waiting = new Set<() => void>()
  const decoder = new FrameDecoder(limits, {
    frame: (frame) => {
      const message = readRpc(frame)
      if (message !== undefined) answers.push(message)
      for (const look of waiting) look()
    },
    junk: () => undefined,
  })
  socket.on('data', (chunk: Buffer) => decoder.push(chunk))
  socket.on('error', () => undefined)
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()))
  await once(socket, 'connect')
  const answer = (sequence: number) =>
    new Promise<RpcMessage>((resolve, reject) => {
      const look = () => {
        const found = answers.find((one) => one.sequence === sequence)
        if (found === undefined) return
        waiting.delete(look)
        resolve(found)
      }
      waiting.add(look)
      void closed.then(() => reject(new Error(`the connection ended before answer ${sequence}`)))
      look()
    })
  let last = 1000
  return {
    socket,
    answers,
    answer,
    closed,
    call: async (method, argument) => {
      last += 1
      socket.write(requestBytes(last, method, argument))
      return (await answer(last)).data.toString()
    },
  }
}
