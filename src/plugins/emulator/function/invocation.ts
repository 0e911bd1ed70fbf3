/** Invocations and their results: the types that the state, the routes and the callers share. */
import { randomUUID } from 'node:crypto'

/** Result of an event that failed: the body for its invoker, and the error type for reports. */
export interface FunctionError {
  readonly kind: 'error'
  readonly body: Buffer
  readonly type: string
}

/** End of an event, for its invoker. */
export type InvokeResult = { readonly kind: 'result'; readonly body: Buffer } | FunctionError

/** An event as `/next` returns it. */
export interface HandedOut {
  readonly requestId: string
  readonly deadlineMs: number
  readonly body: Buffer
  readonly traceId: string
  readonly clientContext: string | undefined
  readonly cognitoIdentity: string | undefined
  readonly tenantId: string | undefined
}

/** Status of an API call's answer. */
export interface ApiStatus {
  readonly status: number
  readonly errorType?: string
  readonly errorMessage?: string
}

/** An event to run. */
export interface InvokeRequest {
  readonly body: Buffer
  readonly clientContext?: string | undefined
  /** JSON, as in the header. */
  readonly cognitoIdentity?: string | undefined
  readonly tenantId?: string | undefined
  readonly traceId?: string | undefined
}

/** Limit of Lambda in bytes for an event and for a buffered result. */
export const payloadBytesMax = 6 * 1024 * 1024 + 100

/** Status of an accepted call. */
export const accepted: ApiStatus = { status: 202 }

/** An error as the platform itself makes it. */
export function platformError(errorType: string, errorMessage: string): FunctionError {
  return { kind: 'error', type: errorType, body: Buffer.from(JSON.stringify({ errorType, errorMessage })) }
}

const knownType = /^(Runtime|Function)\.[A-Z][A-Za-z]+$/

/**
 * Returns the error type of a header; one that Lambda does not accept becomes `Runtime.Unknown` or `Function.Unknown`.
 */
export function checkedErrorType(header: string | undefined): string {
  if (header !== undefined && knownType.test(header)) return header
  return header?.startsWith('Function.') === true ? 'Function.Unknown' : 'Runtime.Unknown'
}

/** Status for an answer to an event that does not run. */
export function wrongId(id: string): ApiStatus {
  return { status: 400, errorType: 'InvalidRequestID', errorMessage: `${id} is not the event in hand` }
}

/** Status for a call that the current state does not allow. */
export function wrongState(call: string, state: string): ApiStatus {
  const errorMessage = `State transition from ${state} failed for ${call}`
  return { status: 403, errorType: 'InvalidStateTransition', errorMessage }
}

/** Status under Managed Instances when every slot is busy. */
export function allBusy(concurrency: number): ApiStatus {
  const errorMessage = `all ${concurrency} slots are busy`
  return { status: 400, errorType: 'Runtime.Unavailable', errorMessage }
}

/** Status when too many events wait. */
export function tooManyWait(waiting: number): ApiStatus {
  const errorMessage = `${waiting} events wait already`
  return { status: 429, errorType: 'TooManyRequestsException', errorMessage }
}

/** Status under Managed Instances for an answer after the timeout. */
export const late: ApiStatus = {
  status: 410,
  errorType: 'InvokeTimeout',
  errorMessage: 'the time of this invocation was over',
}

/** Makes the id of a trace that is not sampled. */
export function newTraceId(nowMs: number): string {
  const seconds = Math.floor(nowMs / 1000).toString(16)
  const random = randomUUID().replaceAll('-', '')
  return `Root=1-${seconds}-${random.slice(0, 24)};Parent=${random.slice(8, 24)};Sampled=0`
}
