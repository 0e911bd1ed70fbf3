/**
 * Faults of a queue's server that time, or its operator, may mend: a pipeline tells them once and tries again. All else that a driver's
 * `open` throws as a `RelayError` is a fault of the configuration.
 */
import { ErrorCode, hasCode, RelayError } from '../../index.js'

const queueFaults = [ErrorCode.QueueUnreachable, ErrorCode.QueueDenied, ErrorCode.QueueMissing] as const

/** Parts of a fault. */
export interface QueueFaultOptions {
  /** `unreachable`: no connection; `denied`: refused credentials or permissions; `missing`: no such table, stream or queue. */
  readonly kind: 'unreachable' | 'denied' | 'missing'
  /** Place and reason, without secrets. */
  readonly what: string
  readonly hint: string
  readonly cause?: unknown
}

/** Makes a fault. */
export function queueFault({ kind, what, hint, cause }: QueueFaultOptions): RelayError {
  switch (kind) {
    case 'denied':
      return new RelayError(ErrorCode.QueueDenied, what, { hint, cause })
    case 'missing':
      return new RelayError(ErrorCode.QueueMissing, what, { hint, cause })
    default:
      return new RelayError(ErrorCode.QueueUnreachable, what, { hint, cause })
  }
}

/** True for a fault after which the queue is asked again. */
export function isQueueFault(error: unknown): boolean {
  return queueFaults.some((code) => hasCode(error, code))
}

/** Returns an address without the password, or the token, of its user, and without a query, which may hold one. */
export function maskedAddress(address: string): string {
  const [, scheme = '', user = '', place = ''] = /^([a-z+]+:\/\/)?(?:(.*)@)?([^@?]*)/is.exec(address) ?? []
  if (user === '') return `${scheme}${place}`
  const shown = user.includes(':') ? `${user.slice(0, user.indexOf(':'))}:***` : '***'
  return `${scheme}${shown}@${place}`
}
