/** Faults of jobs → the status that the client gets. Pure. */
import { isUtf8 } from 'node:buffer'
import { ErrorCode, hasCode, RelayError } from '../../../index.js'
import { protoFields, protoPart, protoVarint } from '../../../work/proto-fields.js'
import { GrpcCode, type GrpcStatus, StatusError } from '../wire/status.js'

const statuses: readonly (readonly [code: ErrorCode, status: GrpcStatus])[] = [
  [ErrorCode.PoolNoWorkers, { code: GrpcCode.unavailable, message: 'no worker was free' }],
  [ErrorCode.PoolQueueFull, { code: GrpcCode.unavailable, message: 'too many calls wait for a worker' }],
  [ErrorCode.PoolStopped, { code: GrpcCode.unavailable, message: 'the server is stopping' }],
  [ErrorCode.WorkerTimeout, { code: GrpcCode.deadlineExceeded, message: 'the call took too long' }],
  // Not UNAVAILABLE, which clients repeat by themselves: the call may have had effects, and may be what kills workers.
  [ErrorCode.WorkerCrashed, { code: GrpcCode.internal, message: 'the worker died' }],
  [ErrorCode.BadFrame, { code: GrpcCode.internal, message: 'the worker gave no answer of gRPC' }],
  [
    ErrorCode.FrameTooLarge,
    { code: GrpcCode.resourceExhausted, message: 'the call is too large for a worker' },
  ],
  [ErrorCode.JobAborted, { code: GrpcCode.cancelled, message: 'the call was cancelled' }],
]

/** The status of a fault. Faults of the server say little: their text is for its log. */
export function faultStatus(error: unknown): GrpcStatus {
  if (error instanceof StatusError) return error.status
  const known = statuses.find(([code]) => hasCode(error, code))
  if (known !== undefined) return known[1]
  if (!hasCode(error, ErrorCode.JobFailed)) return { code: GrpcCode.internal, message: 'internal error' }
  const { text } = error instanceof RelayError ? error.details : { text: undefined }
  return saidStatus(typeof text === 'string' ? text : 'the worker failed')
}

const delimiter = '|:|'

/** Reads `code|:|message|:|detail …`, which older packages of RoadRunner send; any other text is the message of INTERNAL. */
function saidStatus(text: string): GrpcStatus {
  const [number = '', message, ...details] = text.split(delimiter)
  if (message === undefined || !/^\d{1,10}$/.test(number)) return { code: GrpcCode.internal, message: text }
  const code = Number(number) === 0 ? GrpcCode.internal : Number(number)
  const parts = details.map((detail) => Buffer.from(detail, 'utf8')).filter(isAny)
  if (parts.length === 0) return { code, message }
  const status = [
    Buffer.from([0x08]),
    protoVarint(code),
    protoPart(2, Buffer.from(message, 'utf8')),
    ...parts.map((part) => protoPart(3, part)),
  ]
  return { code, message, details: Buffer.concat(status) }
}

/** True for a `google.protobuf.Any`. Other bytes than text were lost on their way in the text of an error. */
function isAny(bytes: Buffer): boolean {
  if (bytes.includes('\ufffd')) return false
  try {
    return [...protoFields(bytes)].some(
      ({ field, part }) => field === 1 && part !== undefined && isUtf8(part),
    )
  } catch {
    return false
  }
}
