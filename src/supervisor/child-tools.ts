/** Tools that all children of one server share: the watchdog that none of them outlives, and the stock of FIFOs for their streams. */
import { messageOf } from '../core/errors.js'
import type { Logger } from '../logging/logger.js'
import { FifoStock } from './pool/boot/fifo-stock.js'
import { Watchdog } from './worker/os/watchdog.js'

/** Options of the tools. */
export interface ChildToolsOptions {
  /** Folder for FIFOs: the private one, or the one above as long as that is not there. */
  readonly folder: string
  readonly log: Logger
  /** One watchdog is enough, as all processes end with the server's environment. */
  readonly isSparing: boolean
  /** True: the watchdog starts a turn later than the first child, which does not wait for it. */
  readonly isLate?: boolean
  /** Hands over the path of a FIFO that was made before; undefined when there is none. */
  readonly takeFifo?: (() => string | undefined) | undefined
}

/** Tools of one server's children. The watchdog starts with the first child. */
export class ChildTools {
  readonly fifos: FifoStock
  readonly #options: ChildToolsOptions
  #watchdog: Promise<Watchdog | undefined> | undefined

  constructor(options: ChildToolsOptions) {
    this.#options = options
    this.fifos = new FifoStock(options)
  }

  /** Starts the watchdog once; resolves with undefined when this system cannot have one. */
  watchdog(): Promise<Watchdog | undefined> {
    this.#watchdog ??= this.#start()
    return this.#watchdog
  }

  /** Ends the watchdog, which kills every child that is still there, and removes the FIFOs that were made ahead. */
  async close(): Promise<void> {
    const watchdog = await this.#watchdog
    await watchdog?.close()
    await this.fifos.empty()
  }

  async #start(): Promise<Watchdog | undefined> {
    const watchdog = new Watchdog(this.#options)
    if (this.#options.isLate === true) await new Promise<void>((resolve) => setImmediate(resolve))
    try {
      await watchdog.start()
      return watchdog
    } catch (error) {
      this.#options.log.warn({ error: messageOf(error) }, 'no watchdog: workers may outlive a killed server')
      return undefined
    }
  }
}
