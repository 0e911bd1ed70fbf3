/**
 * One request on its way through a pool: it takes a worker, runs as one job, and its reply, whole or streamed, becomes the client's
 * answer. By callbacks, because promises cost more here than everything else that the server does for a request; a request that has to
 * wait for a worker pays for one.
 */
import {
  ErrorCode,
  type Job,
  type JobSink,
  type Lease,
  type Logger,
  messageOf,
  type Pool,
  RelayError,
  type Reply,
  type RunOptions,
} from '../../../index.js'
import type { AnswerHead } from './answer-head.js'
import type { ClientAnswer } from './client-answer.js'
import { type FaultSettings, faultHead, faultText, statusOf } from './faults.js'
import { LeaveSignal } from './leave-signal.js'

/** Parts that all requests of a pool share. */
export interface RunParts {
  readonly pool: Pool
  readonly log: Logger
  readonly faults: FaultSettings
  /** Reads the head of a reply; throws an `Error` with a sentence when it is not one. */
  readonly readHead: (context: Uint8Array) => AnswerHead
}

/** The first status that ends an answer: those below it are hints that another one follows. */
const finalStatus = 200
/** RoadRunner sends no 101 either: the worker has no connection that could change its protocol. */
const switchingProtocols = 101
const nothing = new Uint8Array(0)

/** One request under way; it receives the end of its own job. */
export class RequestRun implements JobSink {
  readonly #parts: RunParts
  readonly #job: Job
  readonly #answer: ClientAnswer
  readonly #onEnd: (() => void) | undefined
  #lease: Lease | undefined
  #waiting: LeaveSignal | undefined
  #state: 'waiting' | 'running' | 'begun' | 'over' = 'waiting'
  #hasLeft = false

  /** `onEnd` is called once, when the request no longer needs what was laid down for it (uploaded files). */
  constructor(parts: RunParts, job: Job, answer: ClientAnswer, onEnd?: () => void) {
    this.#parts = parts
    this.#job = job
    this.#answer = answer
    this.#onEnd = onEnd
  }

  /** Runs the job, at once when a worker is idle. */
  begin(): void {
    const lease = this.#parts.pool.tryAcquire()
    if (lease === undefined) this.#wait()
    else this.#start(lease)
  }

  /** Says that the client has left: a request in line gives up its place; a running one ends, and its answer is dropped. */
  leave(): void {
    this.#hasLeft = true
    this.#waiting?.abort()
  }

  done(reply: Reply): void {
    // First: the next request may begin while this answer is written.
    this.#lease?.release()
    if (this.#state === 'over') return
    try {
      if (this.#state === 'begun') this.#answer.end(reply.body)
      else this.#answerWhole(reply)
      this.#end()
    } catch (error) {
      this.#fail(badReply(error))
    }
  }

  failed(error: Error): void {
    this.#lease?.release()
    this.#fail(error)
  }

  #wait(): void {
    this.#waiting = new LeaveSignal()
    this.#parts.pool.acquire({ signal: this.#waiting.signal }).then(
      (lease) => {
        this.#waiting = undefined
        if (this.#hasLeft) {
          lease.release()
          this.#end()
        } else this.#start(lease)
      },
      (error: Error) => this.#fail(error),
    )
  }

  #start(lease: Lease): void {
    this.#lease = lease
    this.#state = 'running'
    const options: RunOptions = { onChunk: (chunk) => this.#takeChunk(chunk) }
    try {
      lease.start(this.#job, options, this)
    } catch (error) {
      this.failed(error instanceof Error ? error : new Error(messageOf(error)))
    }
  }

  /** Takes a frame of a streamed reply but for its last; what it throws asks the worker to end the stream. */
  #takeChunk({ context, body }: Reply): Promise<void> | undefined {
    if (this.#hasLeft) throw new Error('the client has left')
    if (this.#state === 'running') {
      const head = this.#headOf(context)
      if (head.status < finalStatus) {
        if (head.status !== switchingProtocols) this.#answer.hint(head)
        return undefined
      }
      this.#answer.begin(head)
      this.#state = 'begun'
    }
    // Newer PHP packages repeat the head in each frame; the first one counts.
    return body.length === 0 || this.#state !== 'begun' ? undefined : this.#answer.write(body)
  }

  /** A head that cannot be read fails the request at once; its worker is asked to end the stream. */
  #headOf(context: Uint8Array): AnswerHead {
    try {
      return this.#parts.readHead(context)
    } catch (error) {
      const fault = badReply(error)
      this.#fail(fault)
      throw fault
    }
  }

  #answerWhole({ context, body }: Reply): void {
    const head = this.#parts.readHead(context)
    if (head.status < finalStatus) throw new Error(`the status ${head.status} does not end an answer`)
    this.#answer.whole(head, body)
  }

  #fail(error: Error): void {
    if (this.#state === 'over') return
    this.#report(error)
    const { faults } = this.#parts
    if (this.#hasLeft) this.#end()
    else if (this.#state === 'begun') {
      this.#end()
      this.#answer.cut()
    } else {
      this.#end()
      const text = faultText(error, faults)
      this.#answer.whole(faultHead(error, faults), text === '' ? nothing : Buffer.from(text))
    }
  }

  #report(error: Error): void {
    if (this.#hasLeft) return
    const { log, pool } = this.#parts
    const fields = { pool: pool.name, job: this.#job.id, status: statusOf(error), error }
    // A full line is the pool's state, not the request's: one line a request would flood the log of a server that has too much to do.
    if (fields.status === 503) log.debug(fields, 'a request found no free worker')
    else log.error(fields, 'a request failed')
  }

  #end(): void {
    if (this.#state === 'over') return
    this.#state = 'over'
    this.#onEnd?.()
  }
}

function badReply(cause: unknown): RelayError {
  const what = `the worker's answer is not an HTTP answer: ${messageOf(cause)}`
  return new RelayError(ErrorCode.BadFrame, what, {
    hint: 'Is the worker one that serves HTTP? It must answer with status and headers as its context.',
    cause,
  })
}
