/** Sends files with ranges, validators and types. The home of `send`, which is loaded when the first server needs it. */
import type { IncomingMessage, ServerResponse } from 'node:http'

/** Options of sending. */
export interface FileOptions {
  /** Folder that paths count from and never leave. */
  readonly root: string
  /** False: files whose names begin with a dot are not there. */
  readonly hasDotFiles?: boolean
  readonly etag?: boolean
  readonly ranges?: boolean
  /** Seconds for `Cache-Control: max-age`; absent: no such header. */
  readonly maxAgeS?: number
}

/** Sends the file at a percent-encoded path; calls `missing` with a status when it cannot, and nothing has been sent. */
export type SendFile = (
  request: IncomingMessage,
  response: ServerResponse,
  path: string,
  missing: (status: number) => void,
) => void

/** Loads what sends files. */
export async function fileSender(options: FileOptions): Promise<SendFile> {
  const { default: send } = await import('send')
  const { root, hasDotFiles = false, etag = false, ranges = true, maxAgeS } = options
  const given = {
    root,
    index: false,
    dotfiles: hasDotFiles ? 'allow' : 'ignore',
    etag,
    acceptRanges: ranges,
    cacheControl: maxAgeS !== undefined,
    ...(maxAgeS === undefined ? {} : { maxAge: maxAgeS * 1000 }),
  } as const
  return (request, response, path, missing) => {
    send(request, path, given)
      .on('error', (error: Error & { readonly status?: number }) => {
        // A range that the file does not have is an answer, not a missing file.
        if (error.status === rangeNotSatisfiable && !response.headersSent) refuseRange(response)
        else if (response.headersSent) response.destroy()
        else missing(error.status ?? notFound)
      })
      .on('directory', () => missing(notFound))
      .pipe(response)
  }
}

const notFound = 404
const rangeNotSatisfiable = 416

function refuseRange(response: ServerResponse): void {
  response.statusCode = rangeNotSatisfiable
  response.removeHeader('Content-Type')
  response.end()
}
