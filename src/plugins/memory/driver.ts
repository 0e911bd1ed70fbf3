/** The driver `memory`: pipelines whose jobs are kept in this process and are lost with it. */
import type { Clock } from '../../index.js'
import { type JobDriver, jobDriver } from '../../work/driver.js'
import { MemorySource } from './memory-source.js'
import { memoryPart } from './part.js'

/** Makes the driver. A job stays with its worker until it is settled; one that is to be tried again comes at once, or when it is told to. */
export function memoryDriver({ clock }: { readonly clock: Clock }): JobDriver {
  return jobDriver(
    memoryPart,
    async ({ name, fairBy, config: { priority, prefetch } }) =>
      new MemorySource({ name, priority, prefetch, fairBy, clock }),
  )
}
