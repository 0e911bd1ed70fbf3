import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { freeze } from '../helpers/freeze.js'
import { invoke, type RunningRr, startRr, testFolder, workerText } from '../helpers/rr.js'

/** A server alone is stopped for some seconds while its worker goes on. */
async function stopped(rr: RunningRr, seconds: number): Promise<void> {
  await freeze([rr.child.pid ?? 0], seconds)
}

function serve(t: TestContext, worker: string, pool: string, emulator = ''): Promise<RunningRr> {
  const config = [
    'version: "3"',
    `server: { command: "${worker}" }`,
    `lambda: { pool: { num_workers: 1, ${pool} } }`,
    `emulator: { address: "127.0.0.1:0"${emulator} }`,
    '',
  ].join('\n')
  return startRr(t, ['serve'], { config })
}

test('a job whose limit passes while the server is stopped: its answer is delivered', async (t) => {
  const worker = workerText('sleeps-and-tells')
  const cases = [
    serve(t, worker, 'supervisor: { exec_ttl: 2s }'),
    // The deadline of the event itself, by the wall clock: what has arrived is read before it is enforced.
    serve(t, worker, 'destroy_timeout: 60s', ', timeout: 3s'),
  ]
  await Promise.all(
    cases.map(async (starting) => {
      const rr = await starting
      const answer = invoke(rr, '1200')
      await rr.line((line) => line.logger === 'worker' && line.message === 'running')
      await stopped(rr, 4)
      assert.equal((await answer).body, 'told', rr.text())
    }),
  )
})

test('a job that still runs has the rest of its time, and a limit is a limit', async (t) => {
  const rr = await serve(t, workerText('sleeps-and-tells'), 'supervisor: { exec_ttl: 3s }')
  const answer = invoke(rr, '5500')
  await rr.line((line) => line.logger === 'worker' && line.message === 'running')
  await stopped(rr, 4)
  assert.equal((await answer).body, 'told', rr.text())
  const late = await invoke(rr, '600000')
  assert.equal(JSON.parse(late.body).errorType, 'RR.WorkerTimeout')
})

test('neither a boot nor a stop is cut short by it', async (t) => {
  const folder = await testFolder(t)
  const [mark, go] = [join(folder, 'mark'), join(folder, 'go')]
  await writeFile(mark, '')
  const [booting, ending] = await Promise.all([
    serve(t, workerText('second-boots-late', mark, go), 'allocate_timeout: 2s'),
    serve(t, workerText('sleeps-and-tells'), 'destroy_timeout: 2s'),
  ])
  await booting.line((line) => line.message === 'boots late')
  const answer = invoke(ending, '3000')
  await ending.line((line) => line.logger === 'worker' && line.message === 'running')
  ending.child.kill('SIGTERM')
  await ending.line((line) => line.message === 'stopping')
  const stops = Promise.all([stopped(booting, 4), stopped(ending, 4)])
  await writeFile(go, '')
  await stops
  assert.match((await invoke(booting, '1')).body, /^\d+$/)
  assert.doesNotMatch(booting.text(), /did not boot/)
  assert.equal((await answer).body, 'told')
  assert.equal(await ending.ended, 0, ending.text())
})
