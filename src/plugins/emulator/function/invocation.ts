/** Invocations and their results: the types that the state, the routes and the callers share. */
import { randomUUID } from 'node:crypto'

/** An event that failed: the body is for its invoker, the type for the platform's books. */
export interface FunctionError {
  readonly kind: 'error'
  readonly body: Buffer
  readonly type: string
}

/** End of an event, for its invoker. */
export type InvokeResult = { readonly kind: 'result'; readonly body: Buffer } | FunctionError

/** An event as `/next` hands it out. */
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
  /** JSON, as the header carries it. */
  readonly cognitoIdentity?: string | undefined
  readonly tenantId?: string | undefined
  readonly traceId?: string | undefined
}

/** Lambda takes 6 MiB and 100 bytes, for an event as for a buffered result. */
export const payloadBytesMax = 6 * 1024 * 1024 + 100

/** Met when everything is well. */
export const accepted: ApiStatus = { status: 202 }

/** An error as the platform itself makes it. */
export function platformError(errorType: string, errorMessage: string): FunctionError {
  return { kind: 'error', type: errorType, body: Buffer.from(JSON.stringify({ errorType, errorMessage })) }
}

const knownType = /^(Runtime|Function)\.[A-Z][A-Za-z]+$/

/** The error type that the platform goes by: what does not look like one becomes `Runtime.Unknown` or `Function.Unknown`. */
export function checkedErrorType(header: string | undefined): string {
  if (header !== undefined && knownType.test(header)) return header
  return header?.startsWith('Function.') === true ? 'Function.Unknown' : 'Runtime.Unknown'
}

/** The answer is for no event that is in hand. */
export function wrongId(id: string): ApiStatus {
  return { status: 400, errorType: 'InvalidRequestID', errorMessage: `${id} is not the event in hand` }
}

/** The call has no place in the state. */
export function wrongState(call: string, state: string): ApiStatus {
  const errorMessage = `State transition from ${state} failed for ${call}`
  return { status: 403, errorType: 'InvalidStateTransition', errorMessage }
}

/** Managed Instances: there is no slot for another event. */
export function allBusy(concurrency: number): ApiStatus {
  const errorMessage = `all ${concurrency} slots are busy`
  return { status: 400, errorType: 'Runtime.Unavailable', errorMessage }
}

/** `waiting` events are in line. */
export function tooManyWait(waiting: number): ApiStatus {
  const errorMessage = `${waiting} events wait already`
  return { status: 429, errorType: 'TooManyRequestsException', errorMessage }
}

/** Managed Instances: the answer came when its time was over. */
export const late: ApiStatus = {
  status: 410,
  errorType: 'InvokeTimeout',
  errorMessage: 'the time of this invocation was over',
}

/** A trace that nobody has sampled. */
export function newTraceId(nowMs: number): string {
  const seconds = Math.floor(nowMs / 1000).toString(16)
  const random = randomUUID().replaceAll('-', '')
  return `Root=1-${seconds}-${random.slice(0, 24)};Parent=${random.slice(8, 24)};Sampled=0`
}
