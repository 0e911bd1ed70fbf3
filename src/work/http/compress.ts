/** Compresses answers by what their clients accept. The home of `compression`, which is loaded when the first server needs it. */
import type { IncomingMessage, ServerResponse } from 'node:http'

/** A handler in Connect's shape. */
export type ConnectHandler = (
  request: IncomingMessage,
  response: ServerResponse,
  next: (error?: unknown) => void,
) => unknown

/** Loads what compresses answers of at least `bytesMin` bytes, or of unknown length, with Brotli or gzip. */
export async function compressor(bytesMin: number): Promise<ConnectHandler> {
  const { default: compression } = await import('compression')
  const handle: unknown = compression({ threshold: bytesMin })
  // It is typed for Express and uses only what Node has.
  return handle as ConnectHandler
}
