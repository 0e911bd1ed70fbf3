/** One connection to beanstalkd: commands and their answers, in order. Knows nothing of jobs. */
import { createConnection, type Socket } from 'node:net'
import type { Clock, Timer } from '../../index.js'
import { queueFault } from '../../work/queues/queue-fault.js'

/** Place of a server, and the longest wait for it. */
export interface BeanstalkPlace {
  /** `tcp://HOST:PORT` or `unix://PATH`. */
  readonly address: string
  readonly timeoutMs: number
  readonly clock: Clock
}

/** An answer: its words, and its data where it has some. */
export interface BeanstalkAnswer {
  readonly words: readonly string[]
  readonly data: Buffer
}

interface Waiting {
  readonly resolve: (answer: BeanstalkAnswer) => void
  readonly reject: (error: Error) => void
  readonly timer: Timer
}

const lineBytesMax = 1024
const dataBytesMax = 256 * 2 ** 20
const lineEnd = Buffer.from('\r\n')
const nothing = Buffer.alloc(0)
/** Answers that have data behind their line, whose last word is its length. */
const withData: readonly string[] = ['RESERVED', 'FOUND', 'OK']

/** A connection. */
export class BeanstalkConnection {
  readonly #place: BeanstalkPlace
  readonly #socket: Socket
  readonly #waiting: Waiting[] = []
  #bytes: Buffer = nothing
  #fault: Error | undefined

  private constructor(place: BeanstalkPlace, socket: Socket) {
    this.#place = place
    this.#socket = socket
    socket.setNoDelay(true)
    socket.on('data', (chunk) => this.#read(chunk))
    socket.on('error', (error) => this.#end(error.message, error))
    socket.on('close', () => this.#end('the connection is closed'))
  }

  /** Connects. Rejects with RR_QUEUE_UNREACHABLE. */
  static open(place: BeanstalkPlace): Promise<BeanstalkConnection> {
    const { address, timeoutMs, clock } = place
    return new Promise((resolve, reject) => {
      const socket = createConnection(targetOf(address))
      const fail = (why: string, cause?: unknown) => {
        timer.clear()
        socket.destroy()
        reject(unreachable(address, why, cause))
      }
      const timer = clock.timer(timeoutMs, () => fail('it did not answer in time'))
      const failed = (error: Error) => fail(error.message, error)
      socket.once('error', failed)
      socket.once('connect', () => {
        timer.clear()
        socket.off('error', failed)
        resolve(new BeanstalkConnection(place, socket))
      })
    })
  }

  get isClosed(): boolean {
    return this.#fault !== undefined
  }

  /** Sends a command, with data where it has some. Resolves with the answer; rejects when the connection breaks, or no answer comes in time. */
  ask(
    command: string,
    options: { readonly data?: Uint8Array; readonly waitMs?: number } = {},
  ): Promise<BeanstalkAnswer> {
    const { clock, timeoutMs } = this.#place
    const { data, waitMs = 0 } = options
    return new Promise((resolve, reject) => {
      if (this.#fault !== undefined) return reject(this.#fault)
      const timer = clock.timer(timeoutMs + waitMs, () => this.#end('it did not answer in time'))
      this.#waiting.push({ resolve, reject, timer })
      const line = Buffer.from(`${command}\r\n`)
      this.#socket.write(data === undefined ? line : Buffer.concat([line, data, lineEnd]))
    })
  }

  /** Closes it: beanstalkd puts back at once what it had given to this connection. */
  close(): void {
    this.#end('the connection is closed')
  }

  #read(chunk: Buffer): void {
    this.#bytes = this.#bytes.length === 0 ? chunk : Buffer.concat([this.#bytes, chunk])
    for (;;) {
      const end = this.#bytes.indexOf(lineEnd)
      if (end < 0) {
        if (this.#bytes.length > lineBytesMax) this.#end('its answer is not one of beanstalkd')
        return
      }
      const words = this.#bytes.toString('latin1', 0, end).split(' ')
      const start = end + lineEnd.length
      const length = withData.includes(words[0] ?? '') ? Number(words.at(-1)) : undefined
      if (length === undefined) {
        this.#bytes = this.#bytes.subarray(start)
        this.#answer({ words, data: nothing })
        continue
      }
      if (!(length >= 0 && length <= dataBytesMax)) {
        this.#end('its answer is not one of beanstalkd')
        return
      }
      if (this.#bytes.length < start + length + lineEnd.length) return
      // Copied: the rest of the chunk would live as long as the job.
      const data = Buffer.from(this.#bytes.subarray(start, start + length))
      this.#bytes = this.#bytes.subarray(start + length + lineEnd.length)
      this.#answer({ words, data })
    }
  }

  #answer(answer: BeanstalkAnswer): void {
    const waiting = this.#waiting.shift()
    waiting?.timer.clear()
    waiting?.resolve(answer)
  }

  #end(why: string, cause?: unknown): void {
    if (this.#fault !== undefined) return
    this.#fault = unreachable(this.#place.address, why, cause)
    this.#socket.destroy()
    for (const { timer, reject } of this.#waiting.splice(0)) {
      timer.clear()
      reject(this.#fault)
    }
  }
}

function targetOf(address: string) {
  if (address.startsWith('unix://')) return { path: address.slice('unix://'.length) }
  const [, host = '', port = ''] = /^tcp:\/\/(.*):(\d+)$/.exec(address) ?? []
  return { host: host.replace(/^\[|\]$/g, ''), port: Number(port) }
}

function unreachable(address: string, why: string, cause?: unknown): Error {
  return queueFault({
    kind: 'unreachable',
    what: `beanstalkd at ${address} cannot be reached: ${why}`,
    hint: 'Start it, or correct `beanstalk.addr`.',
    cause,
  })
}
