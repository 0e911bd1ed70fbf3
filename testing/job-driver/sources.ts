/** Opens sources of a driver within this process, through a server with the driver's plugin: their keys are validated, defaults filled in. */
import { all, definePlugin, section, serviceKey, variant } from '../../src/index.js'
import {
  type Delivery,
  JobDriver,
  type NewJob,
  type SettledDelivery,
  type Source,
  type Verdict,
} from '../../src/work/index.js'
import { startServer } from '../start-server.js'
import { type CaseContext, type JobDriverSuite, longLeaseMs, patienceOf, type QueueWish } from './suite.js'

/** A queue, and ways to connect to it. */
export interface TestSources {
  /** Opens a connection. It is closed when the case ends, if it is not closed before. */
  open(): Promise<Source>
}

/** Name of the pipeline of all cases. */
export const pipelineName = 'work'

type Open = () => Promise<Source>
const Opener = serviceKey<Open>('testing.opener')

/** A plugin whose pipelines are opened for a case. */
const opener = definePlugin({
  name: 'suite',
  needs: { drivers: all(JobDriver) },
  provides: Opener,
  config: section({ pipelines: { type: 'map', values: variant('driver', JobDriver) } }),
  setup({ config, needs }) {
    const byName = new Map([...needs.drivers.values()].map((driver) => [driver.name, driver]))
    const open = async () => {
      const { driver: name = '', config: keys = {} } = config.pipelines[pipelineName] ?? {}
      const driver = byName.get(name)
      if (driver === undefined) throw new Error(`no plugin brings the driver "${name}"`)
      return driver.open({ name: pipelineName, config: keys })
    }
    return { service: open }
  },
})

/** Makes a fresh queue and a server whose driver opens it. */
export async function testSources(
  t: CaseContext,
  suite: JobDriverSuite,
  wish: Partial<QueueWish> = {},
): Promise<TestSources> {
  const {
    config,
    env = {},
    sections = {},
  } = await suite.queue(t, {
    lanes: false,
    leaseMs: longLeaseMs,
    ...wish,
  })
  const server = await startServer({
    plugins: [opener, ...(suite.jobDriver === undefined ? [] : [pluginOf(suite.jobDriver)])],
    config: {
      ...sections,
      plugins: suite.plugins ?? [],
      suite: { pipelines: { [pipelineName]: { driver: suite.driver, config } } },
    },
    env,
  })
  const sources: Source[] = []
  t.after(async () => {
    await Promise.allSettled(sources.map((source) => source.close()))
    await server.stop()
  })
  return {
    open: async () => {
      const open = server.service(Opener)
      if (open === undefined) throw new Error('bug in relayrunner: the suite has no opener')
      const source = closedOnce(await open())
      sources.push(source)
      return source
    },
  }
}

/** A plugin around a driver. */
function pluginOf(driver: JobDriver) {
  return definePlugin({
    name: 'suite-driver',
    on: 'named',
    provides: JobDriver,
    parts: { [JobDriver.name]: [driver.part] },
    setup: () => ({ service: driver }),
  })
}

/** A source whose second `close` does nothing: a case may close what its end would close as well. */
function closedOnce(source: Source): Source {
  let closed: Promise<void> | undefined
  return new Proxy(source, {
    get: (target, key) => {
      if (key === 'close')
        return () => {
          closed ??= target.close()
          return closed
        }
      const value: unknown = Reflect.get(target, key, target)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
}

/** A job with defaults. */
export function suiteJob(job: Partial<NewJob> = {}): NewJob {
  return { id: 'job', name: 'suite.job', body: '{}', headers: {}, priority: 10, delayMs: 0, ...job }
}

/** Pushes jobs whose bodies are their ids, one push each. */
export async function pushAll(source: Source, ids: readonly string[], more: Partial<NewJob> = {}) {
  if (source.push === undefined) throw new Error('the source takes no jobs')
  for (const id of ids) await source.push([suiteJob({ id, body: id, ...more })])
}

/** Pulls until there are `count` deliveries. Throws when they do not come in time. */
export async function take(
  source: Source,
  count: number,
  suite: JobDriverSuite,
): Promise<readonly Delivery[]> {
  const taken = await takeWithin(source, count, patienceOf(suite))
  if (taken.length === count) return taken
  throw new Error(`${taken.length} deliveries of ${count} came within ${patienceOf(suite)} ms`)
}

/** Ms that a source may wait beyond what it is asked for, before its pull is aborted: that may cost a delivery. */
const graceMs = 5000

/** Pulls until there are `count` deliveries, or `ms` have gone by. */
export async function takeWithin(source: Source, count: number, ms: number): Promise<readonly Delivery[]> {
  const endMs = performance.now() + ms
  const signal = AbortSignal.timeout(ms + graceMs)
  const taken: Delivery[] = []
  for (let leftMs = ms; taken.length < count && leftMs > 0; leftMs = endMs - performance.now())
    taken.push(...(await source.pull(count - taken.length, signal, leftMs)))
  return taken
}

/** Bodies of deliveries as text. */
export function bodiesOf(deliveries: readonly Delivery[]): readonly string[] {
  return deliveries.map(({ body }) => (typeof body === 'string' ? body : Buffer.from(body).toString()))
}

const done: Verdict = { kind: 'done', body: new Uint8Array() }

/** The verdict `retry`. */
export function again(afterMs?: number): Verdict {
  const why = { kind: 'retry', message: 'once more' } as const
  return afterMs === undefined ? { kind: 'retry', why } : { kind: 'retry', why, afterMs }
}

/** Settles deliveries with one verdict, `done` unless another is given. */
export function settle(
  source: Source,
  deliveries: readonly Delivery[],
  verdict: Verdict = done,
): ReturnType<Source['settle']> {
  return source.settle(deliveries.map((delivery): SettledDelivery => ({ delivery, verdict })))
}
