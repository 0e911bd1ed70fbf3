import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { pathToFileURL } from 'node:url'
import { buildFolder } from '../helpers/project.js'
import { invokeAt, startRr } from '../helpers/rr.js'

const linesCount = 60_000
// Four times what the contract allows: tests share their processors.
const lateMsMax = 1000

/** Writes its lines as fast as the pipe takes them, the last one without an end, when the event says so. */
const worker = `
import { writeSync } from 'node:fs'
import { serve } from '${pathToFileURL(join(buildFolder, 'workers/node/index.js'))}'
function write(bytes) {
  for (let at = 0; at < bytes.length; ) {
    try { at += writeSync(2, bytes, at) } catch (error) { if (error.code !== 'EAGAIN') throw error }
  }
}
await serve((body) => {
  if (String(body) !== '"flood"') return '"answer"'
  for (let n = 0; n < ${linesCount}; n += 500)
    write(Buffer.from(Array.from({ length: 500 }, (_, at) => 'line ' + (n + at) + ' ' + 'x'.repeat(60)).join('\\n') + '\\n'))
  write(Buffer.from('the last word'))
  return '"flooded"'
})`

test('a worker that floods its output holds up no other, loses no line, and each is its own job’s', async (t) => {
  const config = [
    'version: "3"',
    `server: { command: "${process.execPath} worker.mjs" }`,
    'lambda: { mode: event, pool: { num_workers: 2 } }',
    'emulator: { address: "127.0.0.1:0" }',
    '',
  ].join('\n')
  const rr = await startRr(t, ['serve'], { config, files: { 'worker.mjs': worker } })
  const { invoke } = await rr.line(({ message }) => message === 'server started')
  let isFlooding = true
  const flood = invokeAt(String(invoke), '"flood"').finally(() => {
    isFlooding = false
  })
  await rr.line(({ logger }) => logger === 'worker')
  const took: number[] = []
  while (isFlooding) {
    const startedAt = performance.now()
    assert.equal((await invokeAt(String(invoke), '{}')).body, '"answer"')
    took.push(performance.now() - startedAt)
  }
  const { requestId } = await flood
  rr.child.kill('SIGTERM')
  assert.equal(await rr.ended, 0)
  assert.ok(took.length >= 3 && Math.max(...took) < lateMsMax, `${took.map(Math.round)} ms`)
  const said = rr.lines().filter(({ logger }) => logger === 'worker')
  assert.equal(said.length, linesCount + 1)
  assert.equal(said.at(-1)?.message, 'the last word')
  assert.ok(
    said.every(
      (line, at) =>
        line.requestId === requestId && (at === linesCount || line.message.startsWith(`line ${at} `)),
    ),
  )
})
