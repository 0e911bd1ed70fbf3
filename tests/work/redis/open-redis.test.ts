/** Clients of Redis over TLS, for all that open one; and faults without secrets. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { protoMessage } from '../../../src/index.js'
import { redisAddressOf } from '../../../src/work/redis/address.js'
import { type RedisOpener, redisOpener } from '../../../src/work/redis/open-redis.js'
import { startServer } from '../../../testing/index.js'
import { freePorts } from '../../helpers/free-ports.js'
import { endingWithUs } from '../../helpers/mortal.js'
import { protoClient } from '../../helpers/proto-client.js'
import { noRedis } from '../../helpers/redis-server.js'
import { tlsFiles, tlsRedis } from '../../helpers/redis-tls.js'
import { testFolder, workerText } from '../../helpers/rr.js'
import { eventually } from '../../helpers/wait.js'

const item = protoMessage({ key: [1, 'string'], value: [2, 'bytes'] })
const request = protoMessage({ storage: [1, 'string'], items: [2, [item]] })

const noRetry = { client: { maxRetriesPerRequest: 0, retryStrategy: () => null } } as const

function openerOf(address: object): Promise<RedisOpener> {
  return redisOpener({
    address: { ...redisAddressOf(''), url: undefined, ...address },
    user: 'redis',
    keys: 'the section `redis`',
  })
}

async function answers(t: TestContext, address: object): Promise<string> {
  const client = await (await openerOf(address)).connect(noRetry)
  t.after(() => client.disconnect())
  return client.set('secret-free', 'yes')
}

test('TLS by addrs and by url: an authority of one’s own, a client’s certificate', {
  skip: noRedis,
}, async (t) => {
  const files = await tlsFiles(t)
  const { address } = await tlsRedis(t, files, ['--requirepass', 'pass-secret'])
  const tls = { root_ca: files.ca, cert: files.cert, key: files.key }
  assert.equal(await answers(t, { addrs: [address], password: 'pass-secret', tls }), 'OK')
  assert.equal(await answers(t, { url: `rediss://:pass-secret@${address}/2`, tls }), 'OK')
  assert.equal(await answers(t, { url: `redis://:pass-secret@${address}/2`, tls }), 'OK')
  const refused: readonly [address: object, code: string, what: RegExp, hint: RegExp][] = [
    [{ url: `rediss://:pass-secret@${address}` }, 'RR_QUEUE_UNREACHABLE', /certificate/, /`tls`/],
    [
      { addrs: [address], password: 'pass-secret', tls: { ...tls, cert: '', key: '' } },
      'RR_QUEUE_UNREACHABLE',
      /cannot be reached/,
      /the section `redis`/,
    ],
    [
      { addrs: [address], password: 'other-secret', tls },
      'RR_QUEUE_DENIED',
      /refused: WRONGPASS/,
      /password/,
    ],
    [{ addrs: [address], password: 'pass-secret' }, 'RR_QUEUE_UNREACHABLE', /cannot be reached/, /address/],
  ]
  for (const [given, code, what, hint] of refused)
    await assert.rejects(answers(t, given), (error: Error & { code?: string; hint?: string }) => {
      assert.deepEqual(
        [error.code, what.test(error.message), hint.test(error.hint ?? '')],
        [code, true, true],
        `${error.message} ${error.hint}`,
      )
      assert.doesNotMatch(`${error.message} ${error.hint}`, /-secret/)
      return true
    })
  await assert.rejects(openerOf({ tls: { ...tls, key: '/none.key' } }), {
    code: 'RR_CONFIG_INVALID',
    message: /`tls\.key` of Redis names a file that cannot be read: ENOENT/,
  })
})

test('sentinels and their master are spoken to by TLS', { skip: noRedis }, async (t) => {
  const files = await tlsFiles(t)
  const { address } = await tlsRedis(t, files, ['--tls-auth-clients', 'no'])
  const [port] = await freePorts(1)
  const file = join(await testFolder(t), 'sentinel.conf')
  const [host, masterPort] = address.split(':')
  const lines = [
    'port 0',
    `tls-port ${port}`,
    `tls-cert-file ${files.cert}`,
    `tls-key-file ${files.key}`,
    `tls-ca-cert-file ${files.ca}`,
    'tls-replication yes',
    'tls-auth-clients no',
    `sentinel monitor main ${host} ${masterPort} 1`,
  ]
  writeFileSync(file, `${lines.join('\n')}\n`)
  const [program, ...words] = endingWithUs(['redis-server', file, '--sentinel'])
  const sentinel = spawn(program, words, { stdio: ['ignore', 'pipe', 'ignore'] })
  const ended = once(sentinel, 'exit')
  t.after(async () => {
    sentinel.kill('SIGKILL')
    await ended
  })
  let text = ''
  for await (const chunk of sentinel.stdout) {
    text += chunk
    if (text.includes('+monitor master main')) break
  }
  const tls = { root_ca: files.ca, cert: '', key: '' }
  assert.equal(await answers(t, { addrs: [`127.0.0.1:${port}`], master_name: 'main', tls }), 'OK')
})

test('pipelines and storages of a server reach a Redis that speaks only TLS', {
  skip: noRedis,
}, async (t) => {
  const files = await tlsFiles(t)
  const { address } = await tlsRedis(t, files, ['--tls-auth-clients', 'no'])
  const redis = { url: `rediss://${address}/1`, tls: { root_ca: files.ca } }
  const cache = { driver: 'redis', config: { addrs: [address], tls: { root_ca: files.ca } } }
  const server = await startServer({
    config: {
      server: { command: workerText('echo') },
      redis,
      kv: { cache },
      jobs: {
        mode: 'raw',
        consume: ['mail'],
        pool: { num_workers: 1 },
        pipelines: { mail: { driver: 'redis' } },
      },
    },
  })
  t.after(() => server.stop())
  const call = await protoClient(t, server.rpcAddress)
  const items = [{ key: 'a', value: Buffer.from('v') }]
  await call('kv.Set', { request, reply: request }, { storage: 'cache', items })
  const found = await call(
    'kv.MGet',
    { request, reply: protoMessage({ items: [1, [item]] }) },
    { storage: 'cache', items },
  )
  assert.equal(Buffer.from(found.items[0]?.value ?? []).toString(), 'v')
  await server.rpc('jobs.Push', { job: { job: 'x', id: '1', payload: 'p', options: { pipeline: 'mail' } } })
  await eventually(async () => {
    const { workers } = Object(await server.rpc('informer.Workers', 'jobs'))
    return workers?.[0]?.numExecs === 1
  })
})
