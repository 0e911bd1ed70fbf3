/** Reads `grpc-timeout`. Pure. */
import { GrpcCode, StatusError } from './status.js'

const unitMs: Readonly<Record<string, number>> = {
  H: 3_600_000,
  M: 60_000,
  S: 1000,
  m: 1,
  u: 0.001,
  n: 0.000_001,
}

/** Milliseconds that a call may take; undefined without a limit. Throws a `StatusError` for what is not a timeout. */
export function timeoutOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  const [, digits = '', unit = ''] = /^(\d{1,8})([HMSmun])$/.exec(text) ?? []
  const ms = unitMs[unit]
  if (ms === undefined)
    throw new StatusError(GrpcCode.internal, `malformed grpc-timeout ${JSON.stringify(text.slice(0, 40))}`)
  return Number(digits) * ms
}
