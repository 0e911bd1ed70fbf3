/** Sessions of people: tokens and codes are exchanged for cookies. Wrong ones are counted, and too many of them are not looked at. */
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'
import type { Clock } from '../../index.js'

/** Result of a login: a cookie's value, or why not. */
export type Login = { readonly session: string } | { readonly refused: 'wrong' | 'too many' }

/** Options of sessions. */
export interface SessionsOptions {
  readonly clock: Clock
  /** Empty: only the code of the link logs in. */
  readonly token: string
}

/** The longest life of a session in ms: a working day. */
export const sessionMsMax = 12 * 3_600_000

const sessionsMax = 100
const wrongMax = 10
const wrongWithinMs = 60_000
const bytes = 24

/** Sessions of one server; they end with it. */
export class DashboardSessions {
  readonly #options: SessionsOptions
  /** Begin of each, by the digest of its cookie: what is compared is never the secret itself. */
  readonly #begun = new Map<string, number>()
  #code: string | undefined
  #wrong: number[] = []

  constructor(options: SessionsOptions) {
    this.#options = options
  }

  /** Makes the code of a link that logs in once; a later one replaces it. */
  makeCode(): string {
    this.#code = randomBytes(bytes).toString('base64url')
    return this.#code
  }

  /** Exchanges a token or the code of the link for a session. */
  login(given: string): Login {
    const { clock, token } = this.#options
    const now = clock.monotonicMs()
    this.#wrong = this.#wrong.filter((at) => now - at < wrongWithinMs)
    if (this.#wrong.length >= wrongMax) return { refused: 'too many' }
    // Both are compared, whatever the first says: the time tells nothing.
    const isToken = isSame(given, token)
    const isCode = isSame(given, this.#code ?? '')
    if (!isToken && !isCode) {
      this.#wrong.push(now)
      return { refused: 'wrong' }
    }
    if (isCode) this.#code = undefined
    return { session: this.#begin(now) }
  }

  /** True for the cookie of a session that has not ended. */
  has(session: string): boolean {
    const begunAt = this.#begun.get(digestText(session))
    return begunAt !== undefined && this.#options.clock.monotonicMs() - begunAt < sessionMsMax
  }

  /** Ends a session. */
  end(session: string): void {
    this.#begun.delete(digestText(session))
  }

  #begin(now: number): string {
    for (const [key, begunAt] of this.#begun) if (now - begunAt >= sessionMsMax) this.#begun.delete(key)
    const [oldest] = this.#begun.keys()
    if (this.#begun.size >= sessionsMax && oldest !== undefined) this.#begun.delete(oldest)
    const session = randomBytes(bytes).toString('base64url')
    this.#begun.set(digestText(session), now)
    return session
  }
}

/** Compares in a time that does not depend on where they differ. An empty secret equals nothing. */
function isSame(given: string, secret: string): boolean {
  const isEqual = timingSafeEqual(digest(given), digest(secret))
  return isEqual && secret !== ''
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}

function digestText(text: string): string {
  return digest(text).toString('base64url')
}
