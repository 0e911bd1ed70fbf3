/** Tests that registrations of a plugin end with the plugin. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { systemClock } from '../../../src/core/clock.js'
import { silentLogger } from '../../../src/logging/logger.js'
import { Container } from '../../../src/supervisor/plugins/container.js'
import { definePlugin } from '../../../src/supervisor/plugins/definition.js'
import { PerPlugin } from '../../../src/supervisor/plugins/registry.js'
import { ControlSockets } from '../../../src/supervisor/rpc/control-sockets.js'
import type { RpcService } from '../../../src/supervisor/rpc/procedure.js'
import { Rpc } from '../../../src/supervisor/services.js'

function setting(...plugins: readonly ReturnType<typeof definePlugin>[]) {
  const host = new ControlSockets({
    identity: { uid: process.getuid?.() ?? 0, path: '/nowhere/rr.yaml', listen: '' },
    version: '0',
    cwd: '/',
    checkInput: async (_schema, value) => value,
    clock: systemClock,
    log: silentLogger,
  })
  const container = new Container({
    plugins: plugins.map((plugin) => ({ plugin, file: 'x.mjs', version: undefined, config: {} })),
    services: [[Rpc, new PerPlugin<RpcService>((defer) => host.forPlugin(defer))]],
    clock: systemClock,
    log: silentLogger,
    mode: 'serve',
    env: {},
    onFault: (error) => assert.fail(error),
  })
  const isFree = (service: string) => {
    try {
      host.register(service, { Ping: { call: () => 1 } })()
      return true
    } catch {
      return false
    }
  }
  return { container, isFree }
}

const app = definePlugin({
  name: 'app',
  needs: { rpc: Rpc },
  setup({ needs }) {
    needs.rpc.register('app', { Ping: { call: () => 'pong' } })
  },
})

test('procedures are there from set-up until their plugin stops', async () => {
  const { container, isFree } = setting(app)
  assert.ok(isFree('app'))
  await container.start()
  assert.ok(!isFree('app'))
  await container.drain(0)
  assert.ok(!isFree('app'))
  assert.deepEqual(await container.stop(), [])
  assert.ok(isFree('app'))
})

test('procedures are removed when the set-up of their plugin, or of a later one, fails', async () => {
  const failing = definePlugin({
    name: 'failing',
    needs: { rpc: Rpc },
    setup({ needs }) {
      needs.rpc.register('failing', { Ping: { call: () => 'pong' } })
      throw new Error('no')
    },
  })
  const { container, isFree } = setting(app, failing)
  await assert.rejects(container.start(), /"failing"/)
  assert.deepEqual([isFree('app'), isFree('failing')], [true, true])
})

test('what a plugin removes early is not removed again from another plugin', async () => {
  const first = definePlugin({
    name: 'first',
    needs: { rpc: Rpc },
    setup({ needs }) {
      needs.rpc.register('shared', { Ping: { call: () => 1 } })()
    },
  })
  const second = definePlugin({
    name: 'second',
    needs: { rpc: Rpc },
    setup({ needs }) {
      needs.rpc.register('shared', { Ping: { call: () => 2 } })
    },
  })
  const { container, isFree } = setting(second, first)
  await assert.rejects(container.start(), /two plugins register the RPC service "shared"/)
  const inOrder = setting(first, second)
  await inOrder.container.start()
  assert.ok(!inOrder.isFree('shared'))
  assert.deepEqual(await inOrder.container.stop(), [])
  assert.ok(isFree('shared'))
})
