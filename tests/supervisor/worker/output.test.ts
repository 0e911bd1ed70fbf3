import assert from 'node:assert/strict'
import { PassThrough } from 'node:stream'
import { test } from 'node:test'
import { OutputPacer } from '../../../src/logging/output-pacer.js'
import type { WorkerLine } from '../../../src/logging/worker-lines.js'
import type { Job } from '../../../src/supervisor/job.js'
import { WorkerOutput } from '../../../src/supervisor/worker/output.js'
import { job } from '../../helpers/pool.js'
import { ManualClock } from '../../ipc/manual-clock.js'

function makeOutput(id: { pid: number; thread?: number } = { pid: 7 }) {
  const lines: WorkerLine[] = []
  const output = new WorkerOutput({
    pool: 'p',
    id,
    lineBytesMax: () => 1 << 20,
    pacer: new OutputPacer(new ManualClock()),
    writeLine: (line) => void lines.push(line),
  })
  return { output, lines, write: (text: string) => output.addStray(Buffer.from(text)) }
}

test('lines name the worker, and the job that runs while they are written', () => {
  const { output, lines, write } = makeOutput({ pid: 7, thread: 2 })
  let running: Job | undefined
  output.tagWith(() => running)
  write('before\n')
  running = job('body', 'job-1')
  write('within\n')
  assert.deepEqual(lines, [
    { pool: 'p', pid: 7, thread: 2, stream: 'stdout', text: 'before' },
    { pool: 'p', pid: 7, thread: 2, stream: 'stdout', text: 'within', job: 'job-1' },
  ])
})

test('the last 20 lines are kept, cut at 2,048 characters, without empty ones', () => {
  const { output, write } = makeOutput()
  assert.deepEqual(output.last(), [])
  for (let at = 1; at <= 25; at += 1) write(`line ${at}\n\n`)
  write(`${'x'.repeat(3000)}\n`)
  assert.equal(output.last().length, 20)
  assert.equal(output.last()[0], 'line 7')
  assert.deepEqual(output.last(2), ['line 25', 'x'.repeat(2048)])
  assert.deepEqual(output.last(0), [])
})

test('lines since a mark are those that came after it, however many were kept', () => {
  const { output, write } = makeOutput()
  write('earlier\n')
  const mark = output.lineCount
  assert.deepEqual(output.since(mark), [])
  write('one\ntwo\n')
  assert.deepEqual(output.since(mark), ['one', 'two'])
  for (let at = 0; at < 30; at += 1) write('more\n')
  assert.equal(output.since(mark).length, 20)
})

test('half a line is completed where one job ends and the next begins', () => {
  const { output, lines, write } = makeOutput()
  write('half')
  assert.equal(lines.length, 0)
  output.endLines()
  assert.deepEqual(output.last(), ['half'])
})

test('the output has ended when all of its streams have, with a last line that has no end', async () => {
  const { output } = makeOutput()
  const [stderr, stdout] = [new PassThrough(), new PassThrough()]
  output.read({ stream: stderr }, 'stderr')
  output.read({ stream: stdout }, 'stdout')
  stderr.end('last words')
  stdout.end()
  await output.ended
  assert.deepEqual(output.last(), ['last words'])
})

test('a listener is given whole lines until it is taken away', () => {
  const { output, write } = makeOutput()
  const heard: string[] = []
  output.listen((line) => void heard.push(line))
  write('one\n')
  output.listen(undefined)
  write('two\n')
  assert.deepEqual(heard, ['one'])
})
