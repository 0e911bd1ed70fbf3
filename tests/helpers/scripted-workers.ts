/** Real workers on scripted processes that belong to no pool. */

import type { BootWorker, WorkerCallbacks } from '../../src/supervisor/pool/boot/boot-worker.js'
import type { Worker } from '../../src/supervisor/worker/worker.js'
import { type ScriptedOptions, scriptedBoot } from '../schedules/scripted-workers.js'
import type { VirtualTime } from '../schedules/virtual-time.js'

const noEvents: WorkerCallbacks = {
  onBooting: () => () => undefined,
  onDue: () => undefined,
  onLeaving: () => undefined,
  onExited: () => undefined,
  onDeadline: () => undefined,
  onWithdraw: () => undefined,
  onPlace: () => undefined,
}

/** Makes a boot of workers that take 10 ms to boot and 1 ms a job, unless `options` say otherwise. */
export function scriptedBootOf(time: VirtualTime, options: Partial<ScriptedOptions> = {}): BootWorker {
  return scriptedBoot({
    clock: time,
    jobsMax: 0,
    execTtlMs: 0,
    isOrdered: false,
    bootMs: () => 10,
    failsBoot: () => false,
    script: () => ({ deed: 'done', takesMs: 1 }),
    onEvent: () => undefined,
    touch: () => time.touch(),
    ...options,
  })
}

/** Boots so many idle workers. */
export async function scriptedWorkers(time: VirtualTime, count: number): Promise<Worker[]> {
  const boot = scriptedBootOf(time)
  const { signal } = new AbortController()
  const workers: Worker[] = []
  for (let booted = 0; booted < count; booted += 1)
    void boot(noEvents, signal).then((one) => workers.push(one))
  await time.run(() => workers.length === count, 1000)
  return workers
}
