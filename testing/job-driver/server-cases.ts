/** Cases of whole servers: workers that fail and die, servers that stop and are killed, and two of them on one queue. */
import assert from 'node:assert/strict'
import type { Deed } from './events.js'
import { judgeJobs } from './job-ledger.js'
import { failedOf, leftOf, type SuiteServer, suiteServers, until, workersDefault } from './servers.js'
import { abortLeaseMs, type JobDriverCase, type JobDriverSuite, longLeaseMs } from './suite.js'

/** Jobs beside those that run whose acknowledgement may be on its way when a server is killed. */
const acknowledgingMax = 8
const inHandMax = workersDefault + acknowledgingMax

/** Jobs with a number each. */
export function numberedJobs(
  count: number,
  more: Partial<Deed> = {},
): readonly (Partial<Deed> & { id: string })[] {
  return Array.from({ length: count }, (_, at) => ({ id: `job-${at}`, ...more }))
}

const ids = (jobs: readonly { readonly id: string }[]) => jobs.map(({ id }) => id)

/** Resolves when a queue that can say so is empty. */
export async function emptied(server: SuiteServer): Promise<void> {
  let left: number | undefined
  await until(
    () => `the queue was empty, it has ${left} jobs`,
    async () => {
      left = await leftOf(server)
      return (left ?? 0) === 0
    },
    10_000,
  )
}

/** The cases. */
export function serverCases(suite: JobDriverSuite): readonly JobDriverCase[] {
  const { guarantees } = suite
  const { leaseMsMin, durable, shared } = guarantees
  const leaseMs = leaseMsMin > 0 ? leaseMsMin : longLeaseMs
  const isProcess = suite.jobDriver === undefined
  const noProcess = isProcess ? undefined : 'the driver is not a plugin that a server could load'
  const lossy = durable ? undefined : 'jobs are lost with the process'
  const alone = shared ? undefined : 'one server alone works on a queue'
  const doneOf = (done: readonly string[], wanted: readonly string[]) =>
    wanted.filter((id) => !new Set(done).has(id)).length === 0
  return [
    {
      name: 'errors, deaths and retries of workers are tried again; what is done is done once',
      skip: noProcess,
      run: async (t) => {
        const servers = await suiteServers(t, suite)
        const queue = await suite.queue(t, { lanes: false, leaseMs: longLeaseMs })
        const server = await servers.start('a', { queue })
        const jobs = [
          { id: 'plain' },
          { id: 'throws', deed: 'throw', times: 2 },
          { id: 'dies', deed: 'die', times: 1 },
          { id: 'waits', deed: 'retry', times: 1 },
        ] as const
        await server.push(jobs)
        await until(
          () => `all are done: ${servers.done()}`,
          () => doneOf(servers.done(), ids(jobs)),
        )
        await emptied(server)
        const ledger = { pushed: ids(jobs), done: servers.done(), crashes: 0, inHandMax }
        assert.deepEqual(judgeJobs(ledger, guarantees), [])
        const tries = ids(jobs).map((id) => servers.events().filter((e) => e.what === 'begun' && e.id === id))
        if (guarantees.duplicates !== 'always')
          assert.deepEqual(
            tries.map((list) => list.length),
            [1, 3, 2, 2],
          )
        await server.stop()
      },
    },
    {
      name: 'after `retry.max` a job is kept as failed, and a redrive brings it back',
      skip: noProcess,
      run: async (t) => {
        const servers = await suiteServers(t, suite)
        const queue = await suite.queue(t, { lanes: false, leaseMs: longLeaseMs })
        const server = await servers.start('a', { queue, retry: { max: 2, backoff: '10ms' } })
        await server.push([{ id: 'bad', deed: 'throw', times: 2 }])
        await until(
          () => `the job is kept: ${server.text()}`,
          async () => (await failedOf(server)).length === 1,
        )
        assert.equal(servers.events().filter(({ what }) => what === 'begun').length, 2)
        assert.deepEqual(await server.call('jobs.Redrive', { pipeline: 'work' }), { count: 1 })
        await until(
          () => `the job is done: ${server.text()}`,
          () => doneOf(servers.done(), ['bad']),
        )
        assert.deepEqual(await failedOf(server), [])
        await server.stop()
      },
    },
    {
      name: 'a job keeps its lease while a worker lives on it, and is run once',
      skip: noProcess ?? (leaseMsMin > 0 ? undefined : 'deliveries do not expire'),
      run: async (t) => {
        const servers = await suiteServers(t, suite)
        const queue = await suite.queue(t, { lanes: false, leaseMs: leaseMsMin })
        const server = await servers.start('a', { queue })
        await server.push([{ id: 'long', ms: leaseMsMin * 2.5 }])
        await until(
          () => `the job is done: ${server.text()}`,
          () => servers.done().length > 0,
        )
        await emptied(server)
        assert.deepEqual(
          servers.events().map(({ what }) => what),
          ['begun', 'done'],
        )
        await server.stop()
      },
    },
    {
      name: 'a server is killed under load, twice: nothing is lost',
      skip: noProcess ?? lossy,
      run: async (t) => {
        const servers = await suiteServers(t, suite)
        const queue = await suite.queue(t, { lanes: false, leaseMs })
        const jobs = numberedJobs(80, { ms: 10 })
        const first = await servers.start('a', { queue })
        await first.push(jobs)
        const count = (least: number) => () => new Set(servers.done()).size >= least
        await until(() => 'twenty are done', count(20))
        await first.kill()
        const second = await servers.start('a', { queue })
        await until(() => 'fifty are done', count(50))
        await second.kill()
        const third = await servers.start('a', { queue })
        await until(() => `all are done, ${servers.done().length} are`, count(jobs.length))
        await emptied(third)
        const ledger = { pushed: ids(jobs), done: servers.done(), crashes: 2, inHandMax }
        assert.deepEqual(judgeJobs(ledger, guarantees), [])
        await third.stop()
      },
    },
    {
      name: 'SIGTERM: what runs ends, what has not begun goes back, and nothing is done twice',
      skip: noProcess ?? lossy,
      run: async (t) => {
        const servers = await suiteServers(t, suite)
        const queue = await suite.queue(t, { lanes: false, leaseMs: abortLeaseMs(suite) })
        const first = await servers.start('a', { queue })
        const jobs = numberedJobs(12, { ms: 300 })
        await first.push(jobs)
        await until(
          () => 'two are running',
          () => servers.events().filter(({ what }) => what === 'begun').length >= workersDefault,
        )
        await first.stop()
        const begun = servers.events().filter(({ what }) => what === 'begun').length
        assert.equal(servers.done().length, begun, 'what had begun was done')
        assert.ok(begun < jobs.length)
        const second = await servers.start('a', { queue })
        await until(
          () => `all are done: ${servers.done()}`,
          () => doneOf(servers.done(), ids(jobs)),
        )
        const ledger = { pushed: ids(jobs), done: servers.done(), crashes: 0, inHandMax }
        assert.deepEqual(judgeJobs(ledger, guarantees), [])
        await second.stop()
      },
    },
    {
      name: 'two servers share a queue, and one of them is killed',
      skip: noProcess ?? alone,
      run: async (t) => {
        const servers = await suiteServers(t, suite)
        const queue = await suite.queue(t, { lanes: false, leaseMs })
        const [first, second] = await Promise.all([
          servers.start('a', { queue }),
          servers.start('b', { queue }),
        ])
        const jobs: { readonly id: string }[] = []
        const pushMore = async () => {
          const more = numberedJobs(60, { ms: 20 }).map((job, at) => ({
            ...job,
            id: `job-${jobs.length + at}`,
          }))
          jobs.push(...more)
          await first.push(more)
        }
        const pids = () => new Set(servers.events().map(({ pid }) => pid)).size
        await until(
          () => `workers of both servers have jobs: ${pids()}`,
          async () => {
            // A queue may need a while until it deals jobs to the second one.
            if (servers.done().length >= jobs.length) await pushMore()
            return pids() > workersDefault && servers.done().length > 10
          },
        )
        await pushMore()
        await first.kill()
        await until(
          () => `all are done, ${new Set(servers.done()).size} are`,
          () => doneOf(servers.done(), ids(jobs)),
        )
        await emptied(second)
        const ledger = { pushed: ids(jobs), done: servers.done(), crashes: 1, inHandMax }
        assert.deepEqual(judgeJobs(ledger, guarantees), [])
        await second.stop()
      },
    },
    {
      name: 'a frozen server loses its lease: another one runs the job, and the late answer is dropped',
      skip: noProcess ?? alone ?? (leaseMsMin > 0 ? undefined : 'deliveries do not expire'),
      run: async (t) => {
        const servers = await suiteServers(t, suite)
        const queue = await suite.queue(t, { lanes: false, leaseMs: leaseMsMin })
        const first = await servers.start('a', { queue, workers: 1 })
        // Long enough to be frozen in the middle of it, on a busy machine as well.
        await first.push([{ id: 'job', ms: 1000 }])
        const begun = () => servers.events().filter(({ what }) => what === 'begun').length
        await until(
          () => 'the job has begun',
          () => begun() === 1,
        )
        first.child.kill('SIGSTOP')
        t.after(() => void first.child.kill('SIGCONT'))
        const second = await servers.start('b', { queue, workers: 1 })
        await until(
          () => `the other server has done it: ${second.text()}`,
          () => servers.done().length === 2,
        )
        first.child.kill('SIGCONT')
        await emptied(second)
        await Promise.all([first.stop(), second.stop()])
        assert.equal(begun(), 2, 'nobody has run it a third time')
      },
    },
  ]
}
