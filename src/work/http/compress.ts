/** Compresses answers by what their clients accept. The home of `compression`, which is loaded when the first server needs it. */
import type { IncomingMessage, ServerResponse } from 'node:http'

/** A handler in Connect's shape. */
type ConnectHandler = (
  request: IncomingMessage,
  response: ServerResponse,
  next: (error?: unknown) => void,
) => unknown

/** A middleware that compresses answers, and its choice of types. */
export interface Compressor {
  readonly handle: ConnectHandler
  /** True for a `Content-Type` whose contents get smaller. */
  readonly isType: (type: string | undefined) => boolean
}

/** Loads what compresses answers of at least `bytesMin` bytes, or of unknown length, with Brotli or gzip. */
export async function compressor(bytesMin: number): Promise<Compressor> {
  const { default: compression } = await import('compression')
  const handle: unknown = compression({ threshold: bytesMin })
  const filter: unknown = compression.filter
  // They are typed for Express and use only what Node has.
  const isType = filter as (
    request: unknown,
    response: { getHeader(name: string): string | undefined },
  ) => boolean
  return {
    handle: handle as ConnectHandler,
    isType: (type) => isType(undefined, { getHeader: () => type }),
  }
}
