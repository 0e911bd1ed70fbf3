/** Runs the plugin in a real server: `npm test`. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startServer } from 'relayrunner/testing'
import heartbeat, { Heartbeat } from './heartbeat.js'

test('it beats at its interval, and tells how often', async () => {
  const server = await startServer({
    plugins: [heartbeat],
    config: {
      server: { command: `node ${new URL('../worker.mjs', import.meta.url).pathname}` },
      pools: { default: { num_workers: 2 } },
      heartbeat: { interval: '20ms' },
    },
  })
  try {
    const { fields } = await server.line(
      ({ logger, message }) => logger === 'heartbeat' && message === 'beat',
    )
    assert.equal(fields.pool, 'default')
    await server.line(({ fields }) => fields.beats === 3)
    assert.ok(Number(await server.rpc('heartbeat.Beats')) >= 3)
    assert.ok((server.service(Heartbeat)?.beats ?? 0) >= 3)
  } finally {
    await server.stop()
  }
  assert.ok(server.lines.some(({ message }) => message === 'last beat'))
})
