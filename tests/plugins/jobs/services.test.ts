/** What the plugin `jobs` offers to other plugins of its server. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { definePlugin, Probe } from '../../../src/index.js'
import { Jobs, type JobsService } from '../../../src/work/index.js'
import { startServer } from '../../../testing/index.js'
import { fixture } from '../../helpers/project.js'
import { newJob } from '../../helpers/queue-source.js'
import { eventually } from '../../helpers/wait.js'

test('another plugin pushes jobs, and asks how the queues are', async () => {
  let jobs: JobsService | undefined
  let probe: { ready(): boolean | Promise<boolean>; health(): boolean | Promise<boolean> } | undefined
  const pusher = definePlugin({
    name: 'pusher',
    needs: { jobs: Jobs, probe: Probe },
    setup: ({ needs }) => {
      jobs = needs.jobs
      probe = needs.probe
    },
  })
  const server = await startServer({
    plugins: [pusher],
    config: {
      server: { command: `node ${fixture('workers/echo.mjs')}` },
      jobs: {
        mode: 'raw',
        pool: { num_workers: 1 },
        consume: ['mail'],
        pipelines: { mail: { driver: 'memory' }, held: { driver: 'memory' } },
      },
    },
  })
  try {
    assert.deepEqual(jobs?.pipelines(), ['mail', 'held'])
    await jobs?.push('mail', [newJob({ id: 'a' })])
    await jobs?.push('held', [newJob({ id: 'b' })])
    await eventually(async () => {
      const { stats } = Object(await server.rpc('jobs.Stat', {}))
      return stats[0].active === undefined && stats[1].active === 1
    })
    await assert.rejects(async () => jobs?.push('nosuch', [newJob({ id: 'c' })]), {
      code: 'RR_QUEUE_REFUSED',
      message: /no such pipeline, requested: nosuch/,
    })
    assert.deepEqual([await probe?.health(), await probe?.ready()], [true, true])
  } finally {
    await server.stop()
  }
})
