import assert from 'node:assert/strict'
import { test } from 'node:test'
import { protoMessage } from '../../../src/index.js'
import { startServer } from '../../../testing/index.js'
import { protoClient } from '../../helpers/proto-client.js'

test('what workers log by RPC is a line with its level and fields', async (t) => {
  const server = await startServer()
  t.after(() => server.stop())
  const call = await protoClient(t, server.rpcAddress)
  for (const method of ['Debug', 'Info', 'Warning', 'Error', 'Log'])
    assert.equal(await server.rpc(`app.${method}`, `by ${method}\n`), true)
  const messages = {
    request: protoMessage({
      message: [1, 'string'],
      log_attrs: [2, [protoMessage({ key: [1, 'string'], value: [2, 'string'] })]],
    }),
    reply: protoMessage({}),
  }
  const attributes = [
    { key: 'user', value: '7' },
    { key: 'level', value: 'mine' },
  ]
  await call('app.ErrorWithContext', messages, { message: 'with fields', log_attrs: attributes })
  const lines = server.lines.filter(({ logger }) => logger === 'app')
  assert.deepEqual(
    lines.map(({ level, message, fields }) => [level, message, fields]),
    [
      ['debug', 'by Debug', {}],
      ['info', 'by Info', {}],
      ['warn', 'by Warning', {}],
      ['error', 'by Error', {}],
      ['info', 'by Log', {}],
      ['error', 'with fields', { user: '7', app_level: 'mine' }],
    ],
  )
})
