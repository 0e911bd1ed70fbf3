import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startServer } from '../../../testing/index.js'
import { workerText } from '../../helpers/rr.js'
import { eventually } from '../../helpers/wait.js'

test('pushes, ends and queues of pipelines are counted under RoadRunner’s names', async (t) => {
  const server = await startServer({
    config: {
      server: { command: workerText('echo') },
      metrics: { address: '127.0.0.1:0' },
      jobs: {
        mode: 'raw',
        pool: { num_workers: 1 },
        consume: ['mail'],
        pipelines: { mail: { driver: 'memory' }, later: { driver: 'memory' } },
      },
    },
  })
  t.after(() => server.stop())
  const url = server.announced.find(({ what }) => what === 'metrics')?.where ?? ''
  const scrape = async (word: string) =>
    (await (await fetch(url)).text()).split('\n').filter((line) => line.startsWith(word))
  const job = (id: string, pipeline: string) => ({ job: 'x', id, payload: '', options: { pipeline } })
  await server.rpc('jobs.Push', { job: job('1', 'mail') })
  await server.rpc('jobs.PushBatch', { jobs: [job('2', 'later'), job('3', 'later')] })
  await assert.rejects(server.rpc('jobs.Push', { job: job('4', 'none') }))
  await eventually(async () => (await scrape('rr_jobs_jobs_ok'))[0] === 'rr_jobs_jobs_ok 1')
  assert.deepEqual(await scrape('rr_jobs_push_'), [
    'rr_jobs_push_ok 3',
    'rr_jobs_push_err 0',
    ...(await scrape('rr_jobs_push_latency')),
  ])
  assert.deepEqual(await scrape('rr_jobs_requests_total'), [
    'rr_jobs_requests_total{job="mail",driver="memory",source="single"} 1',
    'rr_jobs_requests_total{job="later",driver="memory",source="batch"} 2',
  ])
  assert.deepEqual(await scrape('rr_jobs_push_latency_count'), [
    'rr_jobs_push_latency_count{job="mail",driver="memory",source="single"} 1',
    'rr_jobs_push_latency_count{job="later",driver="memory",source="batch"} 1',
  ])
  assert.deepEqual(await scrape('rr_jobs_pipeline_active'), [
    'rr_jobs_pipeline_active{pipeline="mail",driver="memory"} 0',
    'rr_jobs_pipeline_active{pipeline="later",driver="memory"} 2',
  ])
  assert.deepEqual(await scrape('rr_jobs_total_workers'), ['rr_jobs_total_workers 1'])
})
