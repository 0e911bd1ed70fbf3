import assert from 'node:assert/strict'
import { test } from 'node:test'
import { liveDocument, stackDocument } from '../../../src/supervisor/live/document.js'
import { startLive } from '../../helpers/live-server.js'
import { eventually } from '../../helpers/wait.js'

test('the document says what each worker does and since when, what failed, and how deep the queues are', async (t) => {
  const server = await startLive(t)
  const look = async (seen?: object) => liveDocument(await server.rpc('rr.Live', seen))
  const first = await look()
  assert.deepEqual([first.failures, first.lines], [[], []])
  await server.push('mail', 'wait', 'fail', 'fine')
  await server.push('later', 'fine')
  await eventually(async () => {
    const { workers, queues } = await look()
    const mail = queues.find(({ pipeline }) => pipeline === 'mail')
    return workers.some(({ job }) => job !== null) && mail?.kept === 1 && mail.done === 1
  })
  const now = await look()
  const busy = now.workers.find(({ state }) => state === 'busy')
  assert.match(busy?.job?.id ?? '', /wait-0/)
  assert.ok((busy?.job?.for_ms ?? -1) >= 0 && busy?.idle_ms === null)
  const idle = now.workers.find(({ state }) => state === 'idle')
  assert.ok((idle?.idle_ms ?? -1) >= 0 && idle?.job === null && (idle.cpu_ms ?? 0) > 0)
  const [pool] = now.pools
  assert.deepEqual(
    [pool?.pool, pool?.plugins, pool?.live, pool?.busy, pool?.jobs, pool?.failed],
    ['jobs', ['jobs'], 2, 1, 2, 1],
  )
  const later = now.queues.find(({ pipeline }) => pipeline === 'later')
  assert.deepEqual([later?.state, later?.active, later?.driver], ['paused', 1, 'memory'])
  assert.ok((later?.oldest_ms ?? -1) >= 0)
  const [failure] = now.failures
  assert.deepEqual([failure?.type, failure?.error], ['RangeError', 'told to fail'])
  assert.match(failure?.stack.join('\n') ?? '', /waits-or-fails\.mjs/)
  assert.ok(now.lines.some(({ logger, message }) => logger === 'worker' && message === 'given wait'))
  const last = now.lines.at(-1)?.n ?? 0
  assert.deepEqual(
    (await look({ line: last })).lines.filter(({ n }) => n <= last),
    [],
  )
})

test('a worker is asked for its stack; one that cannot print it is told apart from one that is not there', async (t) => {
  const server = await startLive(t)
  await server.push('mail', 'wait')
  let pid = 0
  await eventually(async () => {
    const { workers } = liveDocument(await server.rpc('rr.Live'))
    pid = workers.find(({ state }) => state === 'busy')?.pid ?? 0
    return pid > 0
  })
  const ask = async (asked: object) => stackDocument(await server.rpc('rr.Stack', asked))
  const { lines, why } = await ask({ pool: 'jobs', pid })
  assert.equal(why, null)
  assert.match(lines.join('\n'), /the event loop is idle/)
  assert.match((await ask({ pool: 'jobs', pid: 1 })).why ?? '', /has no worker 1$/)
  await assert.rejects(() => ask({ pool: 'jobs' }), /takes a pool and a pid/)
})

test('jobs of workers that have ended stay in the totals', async (t) => {
  const server = await startLive(t)
  await server.push('mail', 'fine', 'fail')
  const totals = async () => liveDocument(await server.rpc('rr.Live')).pools[0]
  await eventually(async () => (await totals())?.jobs === 2)
  await server.rpc('resetter.Reset', 'jobs')
  const { jobs, failed, restarts } = (await totals()) ?? {}
  assert.deepEqual([jobs, failed, restarts], [2, 1, 2])
})
