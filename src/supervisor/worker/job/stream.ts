/**
 * Passes on the frames of one streamed answer, one after the other, at the pace of the reader. The only job of its worker holds the worker's
 * frames up while its reader is slow. One job among several must not: a slow reader is felt by its own stream alone, which waits for a PONG.
 */
import { onAbort, type Undo } from '../../../core/abort.js'
import type { Clock, Timer } from '../../../core/clock.js'
import { StreamBit } from '../../../ipc/frame.js'
import type { Relay } from '../../../ipc/relay.js'
import type { Reply } from '../../job.js'

/** Parts of a reader. */
export interface StreamReaderOptions {
  readonly onChunk: (chunk: Reply) => void | Promise<void>
  /** Aborting asks the worker to end early. */
  readonly signal: AbortSignal | undefined
  readonly relay: Relay | undefined
  /** Number that what is said to the worker carries, where its jobs may be several; undefined: this job is its only one. */
  readonly jobId: number | undefined
  readonly clock: Clock
  /** Longest time that the stream may go on after that, in ms. */
  readonly timeoutMs: number
  /** Called when the stream did not end within the timeout. */
  readonly onTimeout: () => void
}

/** Bytes of one among several streams that wait for their reader: beyond them the worker does not ask before it sends, and is held up. */
const pendingBytesMax = 4 * 2 ** 20

/** Reader of one job's stream. */
export class StreamReader {
  readonly #options: StreamReaderOptions
  readonly #stopListening: Undo
  #state: 'open' | 'stopped' | 'over' = 'open'
  #taken: Promise<void> = Promise.resolve()
  #timer: Timer | undefined
  #pendingCount = 0
  #pendingBytes = 0
  #freed: (() => void)[] = []

  constructor(options: StreamReaderOptions) {
    this.#options = options
    this.#stopListening = onAbort(options.signal, () => this.stop())
  }

  /** Settles when all that came so far has been taken. */
  get taken(): Promise<void> {
    return this.#taken
  }

  /** Settles when the reader of the frames no longer holds anything up, or the job is over; undefined when nothing is held up. */
  get held(): Promise<void> | undefined {
    if (this.#pendingCount === 0 || this.#state === 'over') return undefined
    return new Promise((resolve) => void this.#freed.push(resolve))
  }

  /** Hands on another frame. Where the worker has no other job, nothing more is read until it has been taken. */
  push(chunk: Reply, wantsPong: boolean): void {
    const { relay, onChunk, jobId } = this.#options
    this.#pendingCount += 1
    this.#pendingBytes += chunk.body.length
    if (jobId === undefined || this.#pendingBytes > pendingBytesMax) relay?.pause()
    const taken = this.#taken
      .then(() => onChunk(chunk))
      // The reader of the chunks has disconnected: the worker is asked to end.
      .catch(() => this.stop())
      .then(() => {
        // Over pipes PHP waits for this before it goes on, so a slow reader slows its worker. A stop that has gone out is an answer, too.
        if (wantsPong && this.#state === 'open') this.#send(StreamBit.pong)
        this.#pendingCount -= 1
        this.#pendingBytes -= chunk.body.length
        if (this.#taken !== taken) return
        relay?.resume()
        this.#free()
      })
    this.#taken = taken
  }

  /** Asks the worker to end early; it has `timeoutMs` for that. */
  stop(): void {
    if (this.#state !== 'open') return
    this.#state = 'stopped'
    this.#send(StreamBit.stop)
    const { clock, timeoutMs, onTimeout } = this.#options
    this.#timer = clock.timer(timeoutMs, onTimeout)
  }

  /** Ends the reading because the job is over. */
  end(): void {
    this.#state = 'over'
    this.#timer?.clear()
    this.#stopListening()
    this.#free()
  }

  #free(): void {
    const freed = this.#freed
    this.#freed = []
    for (const resolve of freed) resolve()
  }

  #send(stream: number): void {
    const { relay, jobId } = this.#options
    if (jobId === undefined) relay?.send({ flags: 0, stream, options: [], head: '' })
    else relay?.send({ flags: 0, stream, options: 'head', head: `{"jobId":${jobId}}` })
  }
}
