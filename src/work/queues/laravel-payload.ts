/** Payloads of Laravel's jobs. Pure. */

/** Facts about a job in its payload. */
export interface Payload {
  readonly id: string
  /** Class of the job. */
  readonly name: string
  /** Runs that it had. */
  readonly attempts: number
}

/** Reads a payload; undefined for a body that Laravel did not write. */
export function readPayload(body: string): Payload | undefined {
  let value: unknown
  try {
    value = JSON.parse(body)
  } catch {
    return undefined
  }
  if (typeof value !== 'object' || value === null || !('job' in value)) return undefined
  const { id, uuid, displayName, attempts } = value as Readonly<Record<string, unknown>>
  const own = typeof id === 'string' && id !== '' ? id : uuid
  return {
    id: typeof own === 'string' ? own : '',
    name: typeof displayName === 'string' ? displayName : '',
    attempts: typeof attempts === 'number' && attempts > 0 ? Math.floor(attempts) : 0,
  }
}

/** Returns the payload with all tries ahead; a body that Laravel did not write stays as it is. */
export function withoutAttempts(body: string): string {
  if (readPayload(body) === undefined) return body
  return JSON.stringify({ ...JSON.parse(body), attempts: 0 })
}
