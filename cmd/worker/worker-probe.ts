/** One worker process under `rr worker certify`: what is sent to it, and what it does. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { type PidReply, pidRequest, readPidReply, stopRequest } from '../../src/ipc/control.js'
import { encodeFrame, FrameFlag, type FrameParts } from '../../src/ipc/frame.js'
import { defaultRelayLimits, type Relay } from '../../src/ipc/relay.js'
import { pipesRelay } from '../../src/ipc/relays/pipes-relay.js'
import { roadRunnerVersion } from '../../src/supervisor/version.js'

/** The protocol of its jobs. */
export type CertifyMode = 'raw' | 'jobs'

/** A frame, copied. */
export interface ProbedFrame {
  readonly flags: number
  readonly stream: number
  readonly options: readonly number[]
  readonly payload: Buffer
}

/** Ms within which a worker boots, and within which it answers a job or ends. */
const bootMs = 30_000
const stepMs = 10_000
const saidCharactersMax = 2000

/** A running worker. It is started with the first call. */
export class WorkerProbe {
  readonly mode: CertifyMode
  readonly #words: readonly [string, ...string[]]
  #child: ChildProcess | undefined
  #relay: Relay | undefined
  #said = ''
  #junk = ''
  #fault = ''
  readonly #frames: ProbedFrame[] = []
  #wake: () => void = () => {}
  #jobs = 0
  #announced: PidReply | undefined

  constructor(words: readonly [string, ...string[]], mode: CertifyMode) {
    this.#words = words
    this.mode = mode
  }

  /** Bytes on the relay that belong to no frame. */
  get junk(): string {
    return this.#junk
  }

  /** Starts it and waits until it has reported its pid. Resolves with the report. */
  async boot(): Promise<PidReply> {
    this.#start()
    this.#relay?.send(pidRequest(process.pid))
    const frame = await this.#frame(bootMs, 'the request for its pid')
    const reply = readPidReply(frame)
    if (reply === undefined) throw new Error(`instead of its pid it sent ${shown(frame)}`)
    this.#announced = reply
    return reply
  }

  /** Sends a job and waits for its answer. */
  async job(body: Uint8Array | string): Promise<ProbedFrame> {
    this.#relay?.send(this.jobFrame(body))
    return this.answer()
  }

  /** Makes the frame of a job. */
  jobFrame(body: Uint8Array | string): FrameParts {
    this.#jobs += 1
    const numbered = this.#announced?.features.includes('job_id') === true ? { jobId: this.#jobs } : {}
    const context = this.mode === 'jobs' ? jobsContext(this.#jobs) : rawContext(this.#jobs)
    const head = JSON.stringify({ ...context, ...numbered })
    return { flags: FrameFlag.raw, options: 'head', head, body }
  }

  /** Writes bytes as they are. */
  write(bytes: Uint8Array): void {
    this.#child?.stdin?.write(bytes)
  }

  /** The bytes of the frame of a job. */
  jobBytes(body: Uint8Array | string): Buffer {
    return encodeFrame(this.jobFrame(body))
  }

  /** Waits for an answer and checks its shape. */
  async answer(): Promise<ProbedFrame> {
    const frame = await this.#frame(stepMs, 'a job')
    if ((frame.flags & FrameFlag.error) !== 0) return frame
    if (frame.options.length !== 1)
      throw new Error(`an answer has one option, the length of its context; it sent ${shown(frame)}`)
    const [headBytes = 0] = frame.options
    if (headBytes > frame.payload.length)
      throw new Error(
        `the context of an answer is said to have ${headBytes} bytes of ${frame.payload.length}`,
      )
    checkHead(frame.payload.toString('utf8', 0, headBytes), this.#announced, this.#jobs)
    return frame
  }

  /** Tells it to stop. */
  stop(): void {
    this.#relay?.send(stopRequest)
  }

  /** Ends its input. */
  closeInput(): void {
    this.#child?.stdin?.end()
  }

  /** Sends a signal. */
  signal(name: NodeJS.Signals): void {
    this.#child?.kill(name)
  }

  /** Waits for its end; resolves with the exit code, or the signal's name. */
  async ended(): Promise<number | string> {
    const child = this.#child
    if (child === undefined) throw new Error('it was not started')
    const state = () => child.exitCode ?? child.signalCode
    if (state() === null)
      await Promise.race([
        once(child, 'exit'),
        once(AbortSignal.timeout(stepMs), 'abort').then(() => {
          throw new Error(`it did not end within ${stepMs / 1000} s`)
        }),
      ])
    return state() ?? 'unknown'
  }

  /** The last text that it wrote to standard error. */
  lastWords(): string {
    return this.#said.trim().slice(-saidCharactersMax)
  }

  /** Kills it where it still runs. */
  async end(): Promise<void> {
    const child = this.#child
    this.#relay?.close()
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return
    child.kill('SIGKILL')
    await once(child, 'exit')
  }

  #start(): void {
    const [file, ...rest] = this.#words
    const env = {
      ...process.env,
      RR_RELAY: 'pipes',
      RR_MODE: this.mode === 'jobs' ? 'jobs' : 'lambda',
      RR_RPC: 'tcp://127.0.0.1:6001',
      RR_VERSION: roadRunnerVersion,
    }
    const child = spawn(file, rest, { env, stdio: ['pipe', 'pipe', 'pipe'] })
    this.#child = child
    child.on('error', (error) => this.#end(error.message))
    child.stdin.on('error', () => undefined)
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.#said = (this.#said + text).slice(-2 * saidCharactersMax)
    })
    this.#relay = pipesRelay(child.stdout, child.stdin, defaultRelayLimits)
    this.#relay.read({
      frame: ({ flags, stream, options, payload }) => {
        this.#frames.push({ flags, stream, options: [...options], payload: Buffer.from(payload) })
        this.#wake()
      },
      junk: (bytes) => {
        this.#junk = (this.#junk + bytes.toString('latin1')).slice(0, saidCharactersMax)
      },
      closed: (fault) => this.#end(fault?.message ?? 'it closed its output'),
    })
  }

  #end(why: string): void {
    this.#fault ||= why
    this.#wake()
  }

  async #frame(limitMs: number, what: string): Promise<ProbedFrame> {
    const endMs = performance.now() + limitMs
    for (;;) {
      const frame = this.#frames.shift()
      if (frame !== undefined) return frame
      if (this.#fault !== '') throw new Error(`it did not answer ${what}: ${this.#fault}`)
      const leftMs = endMs - performance.now()
      if (leftMs <= 0) throw new Error(`it did not answer ${what} within ${limitMs / 1000} s`)
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, leftMs)
        this.#wake = () => {
          clearTimeout(timer)
          resolve()
        }
      })
    }
  }
}

const outcomes = new Set(['done', 'retry', 'fail'])

/** Throws where the context of an answer is none that the server understands. */
function checkHead(text: string, announced: PidReply | undefined, jobId: number): void {
  if (text === '') {
    if (announced?.features.includes('job_id'))
      throw new Error('it announced job_id, and its answer does not carry the id of its job')
    return
  }
  let head: unknown
  try {
    head = JSON.parse(text)
  } catch {
    throw new Error(`the context of its answer is not JSON: ${JSON.stringify(text.slice(0, 100))}`)
  }
  if (typeof head !== 'object' || head === null) throw new Error('the context of its answer is not an object')
  const { outcome, jobId: own } = head as Readonly<Record<string, unknown>>
  if (outcome !== undefined && !outcomes.has(String(outcome)))
    throw new Error(`its answer has the outcome ${JSON.stringify(outcome)}; it can be done, retry or fail`)
  if (announced?.features.includes('job_id') && own !== jobId)
    throw new Error(`it answered job ${jobId} with the id ${JSON.stringify(own)}`)
}

function shown({ flags, options, payload }: ProbedFrame): string {
  return `a frame with flags ${flags}, ${options.length} options and ${JSON.stringify(payload.toString('latin1', 0, 64))}`
}

function rawContext(number: number): object {
  return {
    kind: 'record',
    source: 'certify',
    awsRequestId: null,
    deadlineMs: null,
    attempt: 1,
    record: { messageId: `certify-${number}`, queue: 'certify', attributes: {}, messageAttributes: {} },
  }
}

function jobsContext(number: number): object {
  const id = `certify-${number}`
  return { id, job: 'certify', headers: {}, driver: 'memory', queue: 'certify', pipeline: 'certify' }
}
