/** Tells of jobs that are lost with this process. */
import type { Logger } from '../../../index.js'
import type { Source } from '../../../work/index.js'

/** Warns of the jobs that are left in a queue in memory when it is closed. */
export async function tellLost(
  source: Source,
  about: { readonly pipeline: string; readonly driver: string },
  log: Logger,
): Promise<void> {
  const counts = await source.counts?.()
  const count = (counts?.active ?? 0) + (counts?.delayed ?? 0) + (counts?.reserved ?? 0)
  if (count > 0) log.warn({ ...about, count }, 'jobs are lost: their queue is in the memory of this process')
}
