/**
 * The listeners of socket relays: one for the server's own user, and for a Unix socket one more for each other user that
 * workers run as, in a folder that these can pass and only we can write. A socket is open to its one user.
 */
import { lchownSync, rmdirSync } from 'node:fs'
import type { Clock } from '../core/clock.js'
import { openListener, type RelayListener } from '../ipc/listener.js'
import { defaultRelayLimits } from '../ipc/relay.js'
import type { Logger } from '../logging/logger.js'
import { openRelayFolder } from './folder/private-folder.js'
import { descriptorsMax } from './machine/limits.js'
import type { Identity } from './worker/os/identity.js'

/** Options of the listeners. */
export interface RelayListenersOptions {
  /** The private folder: its name tells servers apart. */
  readonly folder: string
  /** Folder that a relative socket path counts from. */
  readonly cwd: string
  readonly clock: Clock
  readonly log: Logger
}

const handshakeMsMax = 60_000
/** Limits of connections that are not workers yet: an eighth of the descriptors that the process may hold, within these. */
const [unexpectedFloor, unexpectedCeiling] = [16, 512]

/** Listeners of one server, opened as pools ask for them. */
export class RelayListeners {
  readonly #options: RelayListenersOptions
  readonly #open = new Map<string, Promise<RelayListener>>()
  #folder: string | undefined

  constructor(options: RelayListenersOptions) {
    this.#options = options
  }

  /** The listener of `server.relay` for workers of this identity. Throws RR_PRIVATE_FOLDER; rejects as `openListener` does. */
  open(relay: string, identity: Identity | undefined): Promise<RelayListener> {
    const isOwn = identity === undefined || !relay.startsWith('unix://')
    const address = isOwn ? this.#absolute(relay) : `unix://${this.#relayFolder()}/${identity.uid}.sock`
    const found = this.#open.get(address)
    if (found !== undefined) return found
    const listener = this.#listen(address, isOwn ? undefined : identity)
    // The boot of a worker awaits and reports it; until then it must not count as unhandled.
    listener.catch(() => undefined)
    this.#open.set(address, listener)
    return listener
  }

  /** Ends all of them. */
  async close(): Promise<void> {
    await Promise.all(
      [...this.#open.values()].map(async (one) => (await one.catch(() => undefined))?.close()),
    )
    if (this.#folder === undefined) return
    try {
      rmdirSync(this.#folder)
    } catch {
      // Not empty, or gone: neither hinders the next server.
    }
  }

  async #listen(address: string, owner: Identity | undefined): Promise<RelayListener> {
    const { clock, log } = this.#options
    const listener = await openListener({
      address,
      ownPid: process.pid,
      handshakeMs: handshakeMsMax,
      unexpectedMax: Math.max(unexpectedFloor, Math.min(unexpectedCeiling, Math.floor(descriptorsMax() / 8))),
      limits: defaultRelayLimits,
      clock,
      log,
    })
    if (owner !== undefined) lchownSync(address.slice('unix://'.length), owner.uid, owner.gid)
    return listener
  }

  #relayFolder(): string {
    this.#folder ??= openRelayFolder({ uid: process.getuid?.() ?? 0, folder: this.#options.folder })
    return this.#folder
  }

  #absolute(address: string): string {
    const path = /^unix:\/\/(?!\/)(.*)$/.exec(address)?.[1]
    return path === undefined ? address : `unix://${this.#options.cwd}/${path}`
  }
}
