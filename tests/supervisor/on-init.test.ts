import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startServer } from '../../testing/index.js'
import { workerText } from '../helpers/rr.js'

const config = (command: string, more: object = {}) => ({
  config: {
    server: {
      command: workerText('echo'),
      env: { STAGE: 'test' },
      on_init: { command, env: { WHO: 'init' }, ...more },
    },
    pools: { web: { num_workers: 1 } },
  },
})

test('server.on_init runs to its end before any worker boots, with its variables', async (t) => {
  const server = await startServer(config("sh -c 'printenv STAGE WHO | xargs'"))
  t.after(() => server.stop())
  const said = server.lines.findIndex(({ message }) => message === 'test init')
  const ready = server.lines.findIndex(({ fields }) => fields.pool === 'web')
  assert.ok(said >= 0 && (ready < 0 || said < ready), `${said} ${ready}`)
})

test('a failure of server.on_init is a warning, or ends the start', async (t) => {
  const server = await startServer(config('sh -c "exit 3"'))
  t.after(() => server.stop())
  const warning = server.lines.find(({ message }) => message === 'server.on_init failed')
  assert.equal(warning?.fields.code, 3)
  await assert.rejects(
    startServer(config('sh -c "exit 3"', { exit_on_error: true })),
    /on_init ended with code 3/,
  )
  const late = config('sleep 60', { exec_timeout: '200ms', exit_on_error: true })
  await assert.rejects(startServer(late), /on_init ended with SIGTERM/)
})
