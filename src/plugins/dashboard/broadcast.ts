/** Sends the state to every open page, by server-sent events: one sample a second for all of them, and none while no page is open. */
import type { ServerResponse } from 'node:http'
import { type Clock, type LiveStateService, type Logger, messageOf, type Timer } from '../../index.js'
import type { History } from './history.js'

/** Services behind the events. */
export interface BroadcastOptions {
  readonly live: LiveStateService
  readonly history: History
  readonly clock: Clock
  readonly log: Logger
}

/** Pages that are open at once at most. */
const pagesMax = 16

const sampleMs = 1000
const historyEvery = 10
// A page that takes no more is skipped until it does.
const pendingBytesMax = 2 ** 20

/** The open pages. */
export class Broadcast {
  readonly #options: BroadcastOptions
  readonly #pages = new Set<ServerResponse>()
  #timer: Timer | undefined
  #count = 0
  #seen = { line: 0, failure: 0 }

  constructor(options: BroadcastOptions) {
    this.#options = options
  }

  /** True when no further page may be opened. */
  get isFull(): boolean {
    return this.#pages.size >= pagesMax
  }

  /** Begins the events of a page; they end with its connection. */
  async open(response: ServerResponse): Promise<void> {
    const { live, history } = this.#options
    response.on('close', () => void this.#pages.delete(response))
    response.write('retry: 2000\n\n')
    response.write(eventText('history', history.document()))
    response.write(eventText('state', await live.sample()))
    if (response.destroyed) return
    this.#pages.add(response)
    this.#timer ??= this.#wait()
  }

  /** Ends all. */
  close(): void {
    this.#timer?.clear()
    this.#timer = undefined
    for (const page of this.#pages) page.end()
  }

  #wait(): Timer {
    return this.#options.clock.timer(sampleMs, () => void this.#send(), { unref: true })
  }

  async #send(): Promise<void> {
    const { live, history, log } = this.#options
    if (this.#pages.size === 0) {
      this.#timer = undefined
      return
    }
    try {
      const state = await live.sample(this.#seen)
      this.#seen = {
        line: state.lines.at(-1)?.n ?? this.#seen.line,
        failure: state.failures.at(-1)?.n ?? this.#seen.failure,
      }
      this.#count += 1
      const events = [eventText('state', state)]
      if (this.#count % historyEvery === 0) events.push(eventText('history', history.document()))
      for (const page of this.#pages) if (page.writableLength < pendingBytesMax) page.write(events.join(''))
    } catch (error) {
      log.warn({ error: messageOf(error) }, 'the state of the server could not be read')
    }
    if (this.#timer !== undefined) this.#timer = this.#wait()
  }
}

function eventText(name: string, data: unknown): string {
  return `event: ${name}\ndata: ${JSON.stringify(data)}\n\n`
}
