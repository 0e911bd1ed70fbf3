/** Tests of threads alone; what holds for every pool is in `tests/conformance/pool.ts`. */
import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { threadProgram } from '../../../src/supervisor/pool/boot/thread-program.js'
import type { WorkerId } from '../../../src/supervisor/worker/worker-id.js'
import { faultOf, handler } from '../../conformance/pool.js'
import { job, poolDefaults, startPool, type TestPoolOptions, textOf } from '../../helpers/pool.js'
import { fixture, projectFolder } from '../../helpers/project.js'
import { eventually } from '../../helpers/wait.js'

function threads(t: TestContext, words: readonly string[], config: TestPoolOptions['config'] = {}) {
  return startPool(t, words, { config: { ...config, runtime: 'thread' } })
}

async function inFolder(t: TestContext, files: Readonly<Record<string, string>>): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'rr-threads-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text)
  return folder
}

test('a thread that fills its heap is replaced, its job’s fault says so, and the server lives', async (t) => {
  const supervisor = { ...poolDefaults.supervisor, max_worker_memory: 20 }
  const { pool } = await threads(t, [handler('fills-heap')], { supervisor })
  await assert.rejects(pool.run(job('fill')), faultOf('RR_WORKER_CRASHED', /OUT_OF_MEMORY.*memory limit/))
  assert.equal(textOf(await pool.run(job('next'))), 'next')
})

test('a thread is named by the server’s pid and its number: in workers(), the log, events and faults', async (t) => {
  const { pool, log, lines, line } = await threads(t, [handler('exits')])
  await pool.booted
  const [before] = await pool.workers()
  assert.deepEqual([before?.pid, typeof before?.thread], [process.pid, 'number'])
  const gone: WorkerId[] = []
  pool.events.on('exited', ({ worker }) => void gone.push(worker))
  const fault = faultOf('RR_WORKER_CRASHED', new RegExp(`^thread ${before?.thread} ended`))
  await assert.rejects(pool.run(job('exit')), fault)
  await line(/leaving/)
  assert.deepEqual([lines[0]?.pid, lines[0]?.thread], [process.pid, before?.thread])
  await eventually(() => log.lines.some(({ message }) => message === 'worker ended by itself'))
  const told = log.lines.find(({ message }) => message === 'worker ended by itself')
  assert.deepEqual([told?.fields.pid, told?.fields.thread], [process.pid, before?.thread])
  await eventually(() => gone.length > 0)
  assert.deepEqual(gone, [{ pid: process.pid, thread: before?.thread }])
})

test('the command of a process runs in a thread: a worker of the SDK as it is', async (t) => {
  const { pool, line } = await threads(t, [process.execPath, fixture('sdk', 'echo.mjs')])
  assert.equal(textOf(await pool.run(job('as it is', 'job-1'))), 'as it is')
  assert.equal((await line(/stray output/)).job, 'job-1')
})

const lambdaHandler = 'exports.handler = async (event, context) => ({ ...event, id: context.awsRequestId })'
for (const command of ['index.handler', 'index.cjs']) {
  test(`an ordinary Lambda handler runs in a thread, told as ${command}`, async (t) => {
    const folder = await inFolder(t, { 'index.cjs': lambdaHandler })
    const name = join(folder, command)
    const { pool } = await threads(t, [name])
    const reply = await pool.run({ ...job('{"order":7}'), context: '{"awsRequestId":"r1","kind":"event"}' })
    assert.deepEqual(JSON.parse(textOf(reply)), { order: 7, id: 'r1' })
  })
}

test('a module that is not there is a boot fault that names the file', async (t) => {
  const { pool } = await threads(t, ['no-such.mjs'])
  const [boot] = await pool.booted
  assert.match(boot?.fault?.message ?? '', /no module .*no-such\.mjs to run in a thread/)
})

test('a command is read as for a process: node and its options, the file, its arguments', () => {
  const found = threadProgram(
    ['/usr/bin/node', '--enable-source-maps', 'package.json', 'a', '-b'],
    projectFolder,
  )
  const { program, argv, execArgv } = found
  assert.deepEqual(
    { program, argv, execArgv },
    { program: join(projectFolder, 'package.json'), argv: ['a', '-b'], execArgv: ['--enable-source-maps'] },
  )
})

const floodLines = 100_000
// Four times what the contract allows: tests share their processors.
const lateMsMax = 1000
// The lines that the test itself keeps are some 30 MB; unbounded, the messages of the port alone are over 100 MB.
const memoryBytesMax = 150 * 2 ** 20

test('a thread that floods its output delays no other, loses no line and uses no extra memory', async (t) => {
  const { pool, lines } = await threads(t, [handler('floods')], { num_workers: 2 })
  await pool.booted
  const before = process.memoryUsage().rss
  let isFlooding = true
  const flood = pool.run(job(`flood ${floodLines}`, 'flood')).finally(() => {
    isFlooding = false
  })
  const took: number[] = []
  let [most, buffers] = [0, 0]
  while (isFlooding) {
    const startedAt = performance.now()
    assert.equal(textOf(await pool.run(job('quick'))), 'quick')
    took.push(performance.now() - startedAt)
    most = Math.max(most, process.memoryUsage().rss - before)
    buffers = Math.max(buffers, process.memoryUsage().arrayBuffers)
    await new Promise((resolve) => setImmediate(resolve))
  }
  assert.equal(textOf(await flood), `flood ${floodLines}`)
  assert.ok(
    took.length >= 3 && Math.max(...took) < lateMsMax,
    `the longest of ${took.length}: ${Math.max(...took)} ms`,
  )
  assert.ok(most < memoryBytesMax, `${most} bytes, ${buffers} of them buffers`)
  assert.equal(lines.length, floodLines + 1)
  assert.deepEqual(
    [lines.at(-2)?.text.slice(0, 11), lines.at(-1)?.text],
    [`line ${floodLines - 1} `, 'the last word'],
  )
  assert.ok(lines.every((line) => line.job === 'flood'))
})

test('a thread that waits for its output to be read can be ended', async (t) => {
  const supervisor = { ...poolDefaults.supervisor, exec_ttl: 300 }
  const { pool } = await threads(t, [handler('floods')], { num_workers: 1, supervisor })
  await assert.rejects(pool.run(job('flood 100000000')), faultOf('RR_WORKER_TIMEOUT'))
  assert.equal(textOf(await pool.run(job('next'))), 'next')
})
