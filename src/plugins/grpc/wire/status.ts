/** Statuses of gRPC: their codes, and how a message travels in a header. Pure. */

/** Codes by name. */
export const GrpcCode = {
  ok: 0,
  cancelled: 1,
  unknown: 2,
  deadlineExceeded: 4,
  notFound: 5,
  resourceExhausted: 8,
  unimplemented: 12,
  internal: 13,
  unavailable: 14,
} as const

/** End of a call. */
export interface GrpcStatus {
  readonly code: number
  readonly message: string
  /** A serialized `google.rpc.Status` with details; undefined without them. */
  readonly details?: Buffer
}

/** A fault that is answered with a status. */
export class StatusError extends Error {
  override readonly name = 'StatusError'
  readonly status: GrpcStatus

  constructor(code: number, message: string) {
    super(message)
    this.status = { code, message }
  }
}

// Go's names, which RoadRunner's metrics have.
const names = [
  'OK',
  'Canceled',
  'Unknown',
  'InvalidArgument',
  'DeadlineExceeded',
  'NotFound',
  'AlreadyExists',
  'PermissionDenied',
  'ResourceExhausted',
  'FailedPrecondition',
  'Aborted',
  'OutOfRange',
  'Unimplemented',
  'Internal',
  'Unavailable',
  'DataLoss',
  'Unauthenticated',
] as const

/** Name of a code; one that gRPC does not know is unknown, so that workers cannot make up labels without end. */
export function codeName(code: number): string {
  return names[code] ?? 'Unknown'
}

/** Clients refuse trailers of more than a few kilobytes. */
const messageCharactersMax = 2048

/** Encodes a message for `grpc-message`; a long one is cut. */
export function encodeMessage(message: string): string {
  const bytes = Buffer.from(message.slice(0, messageCharactersMax), 'utf8')
  let text = ''
  for (const byte of bytes) {
    const isPlain = byte >= 0x20 && byte <= 0x7e && byte !== 0x25
    text += isPlain ? String.fromCharCode(byte) : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`
  }
  return text
}
