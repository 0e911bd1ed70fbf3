/** Says whose job it is, where jobs of a pipeline take turns by a header. Pure. */
import { recordHeaders } from './protocols/record-headers.js'
import type { Delivery, Headers } from './source.js'

/** The value of a job's header; jobs without one share a turn. */
export function turnOfHeaders(headers: Headers, header: string): string {
  return headers[header]?.[0] ?? ''
}

/** The same for a delivery. Messages of other programs in AWS's queues have attributes in place of headers, such as `MessageGroupId`. */
export function turnOfDelivery({ headers, record, source }: Delivery, header: string): string {
  const own = headers[header]?.[0]
  if (own !== undefined) return own
  return source.startsWith('aws:') ? turnOfHeaders(recordHeaders(record), header) : ''
}
