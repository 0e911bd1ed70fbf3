import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { Codec, definePlugin, Metrics, Pools } from '../../../src/index.js'
import { startServer, type TestServer, type TestServerOptions } from '../../../testing/index.js'
import { workerText } from '../../helpers/rr.js'

async function start(t: TestContext, options: TestServerOptions = {}) {
  const config = typeof options.config === 'object' ? options.config : {}
  const server = await startServer({
    ...options,
    config: { server: { command: workerText('echo') }, metrics: { address: '127.0.0.1:0' }, ...config },
  })
  t.after(() => server.stop())
  return { server, scrape: scraper(server) }
}

/** The lines of a scrape that begin with a word. */
function scraper(server: TestServer) {
  const url = server.announced.find(({ what }) => what === 'metrics')?.where ?? ''
  return async (word: string) => {
    const response = await fetch(url)
    assert.match(String(response.headers.get('content-type')), /^text\/plain; version=0\.0\.4/)
    return (await response.text()).split('\n').filter((line) => line.startsWith(word))
  }
}

const job = (body: string) => ({ context: '', body, codec: Codec.raw })

test('metrics of the file are changed over RPC and scraped', async (t) => {
  const { server, scrape } = await start(t, {
    config: {
      metrics: {
        address: '127.0.0.1:0',
        collect: {
          orders: { type: 'counter', help: 'Orders.', labels: ['kind'], namespace: 'shop', subsystem: 'web' },
          load: { type: 'gauge' },
          took: { type: 'histogram', buckets: [1, 2] },
          wait: { type: 'summary', objectives: { '0.5': 0.05 } },
        },
      },
    },
  })
  const change = (method: string, name: string, value: number, labels: string[] = []) =>
    server.rpc(`metrics.${method}`, { name, value, labels })
  assert.equal(await change('Add', 'orders', 2.5, ['book']), true)
  await change('Add', 'orders', 1, ['book'])
  await change('Set', 'load', 5)
  await change('Sub', 'load', 2)
  await change('Observe', 'took', 1.5)
  await change('Observe', 'wait', 7)
  assert.deepEqual(await scrape('shop_'), ['shop_web_orders{kind="book"} 3.5'])
  assert.deepEqual(await scrape('load'), ['load 3'])
  assert.deepEqual(await scrape('took'), [
    'took_bucket{le="1"} 0',
    'took_bucket{le="2"} 1',
    'took_bucket{le="+Inf"} 1',
    'took_sum 1.5',
    'took_count 1',
  ])
  assert.deepEqual(await scrape('wait'), ['wait{quantile="0.5"} 7', 'wait_sum 7', 'wait_count 1'])
  assert.deepEqual(await scrape('# HELP shop_'), ['# HELP shop_web_orders Orders.'])
})

test('clients declare and unregister metrics; a second declaration is true and changes nothing', async (t) => {
  const { server, scrape } = await start(t)
  const collector = { namespace: '', subsystem: '', type: 'counter', help: 'x', labels: [], buckets: [] }
  assert.equal(await server.rpc('metrics.Declare', { name: 'made', collector }), true)
  await server.rpc('metrics.Add', { name: 'made', value: 1, labels: [] })
  assert.equal(await server.rpc('metrics.Declare', { name: 'made', collector }), true)
  assert.deepEqual(await scrape('made'), ['made 1'])
  assert.equal(await server.rpc('metrics.Unregister', 'made'), true)
  assert.deepEqual(await scrape('made'), [])
})

const faults: readonly (readonly [method: string, argument: unknown, text: RegExp])[] = [
  [
    'Add',
    { name: 'x', value: 1 },
    /^metrics_plugin_add: undefined collector x, try first Declare the desired collector$/,
  ],
  ['Set', { name: 'x', value: 1 }, /^metrics_plugin_set: undefined collector x$/],
  ['Add', { name: 'labelled', value: 1 }, /^metrics_plugin_add: required labels for collector labelled$/],
  ['Add', { name: 'labelled', value: 1, labels: ['a', 'b'] }, /expected 1 label values but got 2$/],
  [
    'Add',
    { name: 'labelled', value: -1, labels: ['a'] },
    /^metrics_plugin_add: counter cannot decrease in value$/,
  ],
  [
    'Sub',
    { name: 'labelled', value: 1, labels: ['a'] },
    /^metrics_plugin_sub: collector labelled does not support method `Sub`$/,
  ],
  ['Observe', { name: 'labelled', value: 1, labels: ['a'] }, /does not support method `Observe`$/],
  ['Unregister', 'x', /^metrics_plugin_unregister: undefined collector x$/],
  ['Declare', { name: 'n', collector: { type: 'odd' } }, /one of counter, gauge, histogram, summary/],
  [
    'Declare',
    { name: 'no-name', collector: { type: 'gauge' } },
    /^metrics_plugin_declare: descriptor is invalid: "no-name"/,
  ],
  ['Declare', { name: 'h', collector: { type: 'histogram', buckets: [2, 1] } }, /increasing order: 2 >= 1$/],
  [
    'Declare',
    { name: 'rr_pool_waiting', collector: { type: 'gauge' } },
    /^metrics_plugin_declare: duplicate metrics collector registration attempted$/,
  ],
]

test('what cannot be done is refused with RoadRunner’s texts', async (t) => {
  const { server } = await start(t, {
    config: {
      metrics: { address: '127.0.0.1:0', collect: { labelled: { type: 'counter', labels: ['a'] } } },
    },
  })
  for (const [method, argument, text] of faults)
    await assert.rejects(server.rpc(`metrics.${method}`, argument), ({ message }: Error) => {
      assert.match(message, text)
      return true
    })
})

test('the workers of each plugin have RoadRunner’s metrics, each pool ours', async (t) => {
  const { server, scrape } = await start(t, {
    plugins: [
      definePlugin({
        name: 'user',
        needs: { pools: Pools },
        setup: ({ needs }) => void needs.pools.open('shared', { name: 'user', mode: 'jobs' }),
      }),
    ],
    config: { pools: { shared: { num_workers: 2 } } },
  })
  const pool = server.service(Pools)?.get('shared')
  await pool?.run(job('one'))
  const workers = (await pool?.workers()) ?? []
  assert.deepEqual((await scrape('rr_user_')).filter((line) => !line.includes('memory')).sort(), [
    'rr_user_total_workers 2',
    ...workers.map(({ pid }) => `rr_user_worker_state{state="ready",pid="${pid}"} 1`).sort(),
    'rr_user_workers_invalid 0',
    'rr_user_workers_ready 2',
    'rr_user_workers_working 0',
  ])
  const [memory = ''] = await scrape('rr_user_workers_memory_bytes')
  assert.ok(Number(memory.split(' ')[1]) > 1_000_000, memory)
  assert.deepEqual(await scrape('rr_pool_jobs_total'), [
    'rr_pool_jobs_total{pool="shared",outcome="reply"} 1',
  ])
  assert.deepEqual(await scrape('rr_pool_live_workers'), ['rr_pool_live_workers{pool="shared"} 2'])
  assert.deepEqual(await scrape('rr_pool_job_duration_seconds_count'), [
    'rr_pool_job_duration_seconds_count{pool="shared"} 1',
  ])
  await server.service(Pools)?.reset('shared')
  const [exits = ''] = await scrape('rr_pool_worker_exits_total')
  assert.match(exits, /^rr_pool_worker_exits_total\{pool="shared",why="reset"\} 2$/)
  const states = await scrape('rr_user_worker_state')
  assert.ok(!states.some((line) => workers.some(({ pid }) => line.includes(`"${pid}"`))), states.join('\n'))
})

test('a plugin’s readers are asked at each scrape, and one that fails harms no other', async (t) => {
  let reads = 0
  const { server, scrape } = await start(t, {
    plugins: [
      definePlugin({
        name: 'reader',
        needs: { metrics: Metrics },
        setup({ needs: { metrics } }) {
          const about = { type: 'gauge', help: 'Reads.' } as const
          const gauge = metrics.declare('reads', about)
          assert.equal(metrics.declare('reads', about), gauge)
          assert.throws(() => metrics.declare('reads', { type: 'counter', help: 'Reads.' }), /in another way/)
          metrics.collect(() => {
            throw new Error('gone')
          })
          metrics.collect(async () => {
            reads += 1
            gauge.of().set(reads)
          })
        },
      }),
    ],
  })
  assert.deepEqual(await scrape('reads'), ['reads 1'])
  assert.deepEqual(await scrape('reads'), ['reads 2'])
  const warning = server.lines.find(({ message }) => message === 'metrics of a plugin could not be read')
  assert.equal(warning?.fields.error, 'gone')
})
