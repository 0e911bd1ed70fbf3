/** RoadRunner's procedures `jobs.*` on a running server, in JSON and in PROTO, with its texts of errors. */
import assert from 'node:assert/strict'
import { connect } from 'node:net'
import { join } from 'node:path'
import { test } from 'node:test'
import { encodeFrame, FrameFlag } from '../../src/ipc/frame.js'
import { rpcParts } from '../../src/ipc/rpc/codec.js'
import { phpJobsClient } from '../fixtures/php-jobs-client.js'
import { startQueues, statOf } from '../helpers/queues.js'
import { rawRpc } from '../helpers/rpc.js'
import { eventually } from '../helpers/wait.js'

const jobs = ['consume: [mail]', 'pipelines:', '  mail: { driver: memory, config: { priority: 7 } }']
const hex = (text: string) => Buffer.from(text).toString('hex')

test('jobs are pushed and counted in PROTO, byte for byte', async (t) => {
  const server = await startQueues(t, { jobs })
  const client = await rawRpc(t, join(server.folder, 'rpc-test.sock'))
  let sequence = 0
  const call = async (method: string, bytes: string) => {
    sequence += 1
    const data = Buffer.from(bytes.replaceAll(' ', ''), 'hex')
    const codec = FrameFlag.proto
    client.socket.write(encodeFrame(rpcParts({ sequence, method, codec, isError: false, data })))
    const answer = await client.answer(sequence)
    assert.equal(answer.codec, codec)
    return answer.isError ? `error: ${answer.data}` : answer.data.toString('hex')
  }
  const body = '{"id":"p"}'
  const job = `0a03${hex('app')} 120170 1a0a${hex(body)} 2206 0a0168 1201 0a 2a06 1204${hex('mail')}`
  const wrong = job.replace('1201 0a', '1200')
  assert.match(
    await call('jobs.Push', `0a${(job.replaceAll(' ', '').length / 2).toString(16)}${job}`),
    /^error: rpc: the arg/,
  )
  assert.equal(
    await call(
      'jobs.Push',
      `0a${(wrong.replaceAll(' ', '').length / 2).toString(16)} ${wrong.replace('2206', '2205')}`,
    ),
    '',
  )
  await eventually(() => server.lines('done').length === 1)
  assert.deepEqual(JSON.parse(server.lines('contexts')[0] ?? '').headers, { h: [] })
  assert.equal(await call('jobs.List', ''), `0a04${hex('mail')}`)
  const stat = `0a04${hex('mail')}1206${hex('memory')}1a04${hex('mail')}38014007`
  await eventually(async () => (await call('jobs.Stat', '')) === `0a${(stat.length / 2).toString(16)}${stat}`)
  assert.equal(await call('jobs.Pause', `0a04${hex('mail')}`), '')
  assert.equal(await call('jobs.Push', ''), 'error: rpc_push: empty ID field not allowed')
})

test('pipelines are declared, paused, resumed and destroyed in JSON', async (t) => {
  const server = await startQueues(t, { jobs })
  const declared = { name: 'sms', driver: 'memory', priority: '3', prefetch: '10' }
  assert.deepEqual(await server.call('jobs.Declare', { pipeline: declared }), {})
  assert.deepEqual(await server.call('jobs.List'), { pipelines: ['mail', 'sms'] })
  await server.push('sms', { id: 'later', options: { delay: 3600 } }, { id: 'now' })
  assert.deepEqual(await statOf(server, 'sms'), {
    pipeline: 'sms',
    driver: 'memory',
    queue: 'sms',
    active: 1,
    delayed: 1,
    priority: 3,
  })
  await server.call('jobs.Resume', { pipelines: ['sms'] })
  await eventually(() => server.lines('done').length === 1)
  assert.deepEqual(await server.call('jobs.Destroy', { pipelines: ['sms'] }), { pipelines: ['sms'] })
  assert.deepEqual(await server.call('jobs.List'), { pipelines: ['mail'] })
  await server.rr.line(({ message, count }) => message.startsWith('jobs are lost') && count === 1)
})

test('errors have RoadRunner’s texts', async (t) => {
  const server = await startQueues(t, { jobs })
  const none = 'no such pipeline, requested: nosuch'
  const payload = Buffer.from('{"id":"x"}').toString('base64')
  const job = (pipeline: string, id = 'x') => ({ job: 'j', id, payload, options: { pipeline } })
  const texts: readonly [method: string, argument: object, text: string][] = [
    ['Push', { job: job('nosuch') }, `rpc_push:\n\tjobs_plugin_push: ${none}`],
    ['Push', { job: job('mail', '') }, 'rpc_push: empty ID field not allowed'],
    [
      'PushBatch',
      { jobs: [job('mail'), job('nosuch')] },
      `rpc_push_batch:\n\tjobs_plugin_push_batch: ${none}`,
    ],
    ['Pause', { pipelines: ['nosuch'] }, none],
    ['Resume', { pipelines: ['nosuch'] }, none],
    ['Destroy', { pipelines: ['nosuch'] }, `rpc_destroy_pipeline:\n\tjobs_plugin_destroy: ${none}`],
    [
      'Declare',
      { pipeline: { name: 'a' } },
      'rpc_declare_pipeline:\n\tjobs_plugin_declare: no associated driver with the pipeline, pipeline name: a',
    ],
    [
      'Declare',
      { pipeline: { name: 'mail', driver: 'memory' } },
      'rpc_declare_pipeline: pipeline already exists, name: mail, driver: memory',
    ],
    [
      'Declare',
      { pipeline: { name: 'a', driver: 'memory', prefetch: '0' } },
      'rpc_declare_pipeline: "prefetch": "0" is not a number from 1 to 1000000',
    ],
  ]
  for (const [method, argument, text] of texts)
    await assert.rejects(server.call(`jobs.${method}`, argument), { message: text }, method)
  await eventually(() => server.lines('tries').length === 1)
})

test('the PHP client’s calls are answered byte for byte as by RoadRunner', async (t) => {
  const server = await startQueues(t, { jobs })
  const socket = connect(join(server.folder, 'rpc-test.sock'))
  t.after(() => socket.destroy())
  const chunks: Buffer[] = []
  socket.on('data', (chunk) => chunks.push(chunk))
  for (const { call, request, answer } of phpJobsClient) {
    chunks.length = 0
    socket.write(Buffer.from(request, 'hex'))
    await eventually(() => Buffer.concat(chunks).length >= answer.length / 2)
    assert.equal(Buffer.concat(chunks).toString('hex'), answer, call)
  }
})

test('informer tells of pipelines, and rpc of the configuration with its secrets masked', async (t) => {
  const server = await startQueues(t, { jobs, pool: 'env: { TOKEN: geheim }' })
  assert.deepEqual(await server.call('informer.Jobs', 'jobs'), [
    {
      Pipeline: 'mail',
      Driver: 'memory',
      Queue: 'mail',
      Active: 0,
      Delayed: 0,
      Reserved: 0,
      Ready: true,
      Priority: 7,
      ErrorMessage: '',
    },
  ])
  assert.equal(await server.call('informer.Jobs', 'nosuch'), null)
  const text = Buffer.from(String(await server.call('rpc.Config', true)), 'base64').toString()
  const config = JSON.parse(text)
  assert.deepEqual(config.jobs.consume, ['mail'])
  assert.deepEqual(config.jobs.pool.env, { TOKEN: '***' })
  assert.doesNotMatch(text, /geheim/)
})
