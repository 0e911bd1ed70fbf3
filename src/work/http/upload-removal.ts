/** Removes the files of forms after their jobs, and warns of those that stay: a folder that keeps them fills up. */
import { rm } from 'node:fs/promises'
import { type Clock, type Logger, messageOf } from '../../index.js'

/** Removes a file. Never rejects. */
export type RemoveUpload = (path: string) => Promise<void>

// The same cause usually keeps all files, and a busy server has hundreds a second.
const warnEveryMs = 60_000

/** Returns a remover that warns of the first file that stays, then once a minute with the number of those in between. */
export function uploadRemover({ log, clock }: { readonly log: Logger; readonly clock: Clock }): RemoveUpload {
  let [warnedAtMs, untold] = [Number.NEGATIVE_INFINITY, 0]
  return async (path) => {
    try {
      await rm(path, { force: true })
    } catch (error) {
      const nowMs = clock.monotonicMs()
      if (nowMs - warnedAtMs < warnEveryMs) {
        untold += 1
        return
      }
      const code = error instanceof Error && 'code' in error ? error.code : undefined
      const others = untold === 0 ? {} : { others: untold }
      log.warn({ path, code, reason: messageOf(error), ...others }, 'an uploaded file could not be removed')
      warnedAtMs = nowMs
      untold = 0
    }
  }
}
