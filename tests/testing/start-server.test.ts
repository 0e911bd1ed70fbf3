/** Tests `relayrunner/testing` as the author of a plugin uses it. */
import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { test } from 'node:test'
import { Codec, definePlugin, Pools, Rpc, section, serviceKey } from '../../src/index.js'
import { startServer } from '../../testing/start-server.js'
import { isAlive } from '../helpers/pool.js'
import { workerText } from '../helpers/rr.js'
import { eventually } from '../helpers/wait.js'
import { ManualClock } from '../ipc/manual-clock.js'

const Greeter = serviceKey<{ greet(name: string): Promise<string> }>('greeter')

const greeter = definePlugin({
  name: 'greeter',
  needs: { pools: Pools, rpc: Rpc },
  provides: Greeter,
  config: section({
    pool: { type: 'string', default: 'default' },
    word: { type: 'string', default: 'hello' },
  }),
  setup({ config, needs, log, env, defer }) {
    const pool = needs.pools.open(config.pool, { name: 'greeter', mode: 'jobs' })
    const greet = async (name: string) => {
      const { body } = await pool.run({
        context: '',
        body: `${config.word} ${name}`,
        codec: Codec.raw,
        id: name,
      })
      log.info({ name, home: env.GREETER_HOME }, 'greeted')
      return body.toString()
    }
    needs.rpc.register('greeter', { Greet: { call: (name) => greet(String(name)) } })
    defer(() => log.info({}, 'good-bye'))
    return { service: { greet } }
  },
})

const config = {
  server: { command: workerText('echo') },
  pools: { default: { num_workers: 1 } },
  greeter: { word: 'hi' },
}

test('a plugin runs in a whole server with real workers, and all of it ends', async (t) => {
  const server = await startServer({ plugins: [greeter], config, env: { GREETER_HOME: 'here' } })
  t.after(() => server.stop())
  assert.equal(await server.rpc('greeter.Greet', 'ann'), 'hi ann')
  assert.equal(await server.service(Greeter)?.greet('bob'), 'hi bob')
  const { fields, level } = await server.line(({ logger }) => logger === 'greeter')
  assert.deepEqual([level, fields], ['info', { name: 'ann', home: 'here' }])
  const [worker] = (await server.rpc('rr.Workers')) as readonly { readonly pid: number }[]
  assert.ok(worker !== undefined && isAlive(worker.pid))
  const socket = server.rpcAddress.replace('unix://', '')
  assert.ok(existsSync(socket))
  await server.stop()
  await server.stop()
  assert.ok(!isAlive(worker.pid) && !existsSync(socket))
  assert.ok(server.lines.some(({ message }) => message === 'good-bye'))
})

test('the configuration may be the text of a file, and a worker’s lines are in the log', async (t) => {
  const text = `version: "3"\nserver: { command: "${workerText('talks')}" }\npools: { default: { num_workers: 1 } }\n`
  const server = await startServer({ config: text })
  t.after(() => server.stop())
  await server.service(Pools)?.get('default')?.run({ context: '', body: 'json', codec: Codec.raw, id: 'j1' })
  const { level, message, fields } = await server.line(({ logger }) => logger === 'worker')
  assert.deepEqual([level, message, fields.pool, fields.order], ['warn', 'mine', 'default', { id: 7 }])
})

test('two servers run side by side, and time is the test’s where it brings a clock', async (t) => {
  const clock = new ManualClock()
  const timed = definePlugin({
    name: 'timed',
    setup: ({ clock: own, log }) => {
      own.timer(60_000, () => log.info({}, 'a minute has passed'))
    },
  })
  const [first, second] = await Promise.all([startServer({ plugins: [timed], clock }), startServer()])
  t.after(() => Promise.all([first.stop(), second.stop()]))
  assert.ok(first.lines.every(({ message }) => message !== 'a minute has passed'))
  clock.advance(60_000)
  await first.line(({ message }) => message === 'a minute has passed')
  assert.notEqual(first.rpcAddress, second.rpcAddress)
})

test('faults of the configuration, of set-up and of boots reject, and leave nothing', async () => {
  await assert.rejects(startServer({ plugins: [greeter], config: { greeter: { wrod: 'x' } } }), {
    code: 'RR_CONFIG_INVALID',
    message: /did you mean "word"\?/,
  })
  const failing = definePlugin({
    name: 'failing',
    setup: () => {
      throw new Error('no')
    },
  })
  await assert.rejects(startServer({ plugins: [failing] }), { code: 'RR_PLUGIN_SETUP' })
  const boots = startServer({ config: { ...config, greeter: undefined, server: { command: 'node -e 0' } } })
  await assert.rejects(boots, { code: 'RR_WORKER_BOOT' })
})

test('a stop reports what failed, and the stop of an operator is one', async () => {
  const stuck = definePlugin({
    name: 'stuck',
    setup: ({ defer }) => {
      defer(() => {
        throw new Error('cannot undo')
      })
    },
  })
  const server = await startServer({ plugins: [stuck] })
  await server.rpc('rr.Stop')
  await eventually(() => !existsSync(server.rpcAddress.replace('unix://', '')))
  await assert.rejects(server.stop(), /cannot undo/)
})
