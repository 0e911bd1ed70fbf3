/** Cases of a broker that is stopped and killed under load, and comes back. */
import assert from 'node:assert/strict'
import { judgeJobs } from './job-ledger.js'
import { emptied, numberedJobs } from './server-cases.js'
import { type SuiteServer, suiteServers, until, workersDefault } from './servers.js'
import { type JobDriverCase, type JobDriverSuite, longLeaseMs } from './suite.js'

/** Ms until a push that failed is tried again. */
const pushPatienceMs = 30_000

/** The cases. */
export function brokerCases(suite: JobDriverSuite): readonly JobDriverCase[] {
  const { guarantees, broker, jobDriver } = suite
  const skip =
    broker === undefined
      ? 'it has no broker'
      : jobDriver === undefined
        ? undefined
        : 'the driver is not a plugin that a server could load'
  const leaseMs = guarantees.leaseMsMin > 0 ? guarantees.leaseMsMin : longLeaseMs
  return (['stop', 'kill'] as const).map((how) => ({
    name: `the broker is ${how === 'stop' ? 'stopped' : 'killed'} under load and comes back: nothing is lost`,
    skip,
    run: async (t) => {
      assert.ok(broker !== undefined)
      const servers = await suiteServers(t, suite)
      const queue = await broker(t, { lanes: false, leaseMs })
      const server = await servers.start('a', { queue })
      const jobs = numberedJobs(60, { ms: 10 })
      await server.push(jobs.slice(0, 50))
      const size = () => new Set(servers.done()).size
      await until(
        () => 'fifteen are done',
        () => size() >= 15,
      )
      await queue[how]()
      const late = pushPatiently(server, jobs.slice(50))
      await queue.start()
      const doubtful = await late
      await until(
        () => `all are done, ${size()} are:\n${server.text()}`,
        () => size() === jobs.length,
      )
      await emptied(server)
      // What ran when the broker went away, and what waited for a worker or an acknowledgement.
      const inHandMax = workersDefault * 8 + (how === 'kill' ? (guarantees.forgottenMax ?? 0) : 0)
      const pushed = jobs.map(({ id }) => id)
      const ledger = { pushed, doubtful, done: servers.done(), crashes: 1, inHandMax }
      assert.deepEqual(judgeJobs(ledger, guarantees), [])
      await server.stop()
    },
  }))
}

/** Pushes each until it is taken; returns the ids of those that took more than one try. */
async function pushPatiently(
  server: SuiteServer,
  jobs: ReturnType<typeof numberedJobs>,
): Promise<readonly string[]> {
  const doubtful: string[] = []
  for (const job of jobs)
    await until(
      () => `${job.id} is taken`,
      () =>
        server.push([job]).then(
          () => true,
          () => {
            if (!doubtful.includes(job.id)) doubtful.push(job.id)
            return false
          },
        ),
      pushPatienceMs,
    )
  return doubtful
}
