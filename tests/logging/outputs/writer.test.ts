import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { LogTarget, Written } from '../../../src/logging/outputs/target.js'
import { type DroppedLines, holdBytes, LogWriter } from '../../../src/logging/outputs/writer.js'
import { ManualClock } from '../../ipc/manual-clock.js'

/** A target whose mind a test makes up. */
class ScriptedTarget implements LogTarget {
  #taken = Buffer.alloc(0)
  /** Result of the next write: the number of bytes taken, or the code of an error. */
  answer: (bytes: number) => number | string = (bytes) => bytes

  write(bytes: Buffer, done: Written): void {
    const answer = this.answer(bytes.length)
    if (typeof answer === 'string') {
      done(Object.assign(new Error(`${answer}: no`), { code: answer }), 0)
      return
    }
    this.#taken = Buffer.concat([this.#taken, bytes.subarray(0, answer)])
    done(undefined, answer)
  }

  get text(): string {
    return this.#taken.toString()
  }

  get lines(): readonly string[] {
    return this.text.split('\n').slice(0, -1)
  }
}

function setUp() {
  const clock = new ManualClock()
  const target = new ScriptedTarget()
  const holds: boolean[] = []
  const told: DroppedLines[] = []
  const writer = new LogWriter({
    target,
    clock,
    onHold: (isHeld) => holds.push(isHeld),
    onRecovered: (dropped) => told.push(dropped),
  })
  return { clock, target, holds, told, writer }
}

const kilobyte = `${'x'.repeat(1023)}\n`
/** Lets time go by, and what follows from it happen. */
async function pass(clock: ManualClock, ms: number): Promise<void> {
  await tick()
  clock.advance(ms)
  await tick()
}
const tick = () => new Promise<void>((resolve) => process.nextTick(resolve))

test('the lines of one callback are one write, in their order', async () => {
  const { target, writer } = setUp()
  let writes = 0
  target.answer = (bytes) => {
    writes += 1
    return bytes
  }
  for (let n = 0; n < 100; n += 1) writer.write(`${n}\n`, n % 2 === 0 ? 'worker' : 'server')
  await tick()
  assert.deepEqual(
    target.lines,
    Array.from({ length: 100 }, (_, n) => String(n)),
  )
  assert.equal(writes, 1)
})

test('a line that was written in part goes on with its rest, whatever is logged meanwhile', async () => {
  for (const code of ['EAGAIN', 'ENOSPC', 'EIO', 'EDQUOT', 'EFBIG', 'EPIPE']) {
    const { clock, target, writer } = setUp()
    let taken = 0
    target.answer = () => (taken++ === 0 ? 3 : code)
    writer.write('{"first":"ä"}\n', 'worker')
    await tick()
    writer.write('{"second":2}\n', 'server')
    target.answer = (bytes) => Math.min(bytes, 2)
    await pass(clock, 2000)
    assert.equal(target.text, '{"first":"ä"}\n{"second":2}\n', code)
  }
})

test('workers are paused for a moment, then each of their dropped lines is counted and reported once', async () => {
  const { clock, target, writer, holds, told } = setUp()
  target.answer = () => 'EAGAIN'
  let sent = 0
  for (; holds.length === 0; sent += 1) writer.write(kilobyte, 'worker')
  assert.deepEqual([sent, holds], [holdBytes / 1024 + 1, [true]])
  await pass(clock, 499)
  writer.write(kilobyte, 'worker')
  await pass(clock, 1)
  assert.deepEqual(holds, [true, false])
  for (let n = 0; n < 777; n += 1) writer.write(kilobyte, 'worker')
  writer.write('server\n', 'server')
  target.answer = (bytes) => bytes
  await pass(clock, 1000)
  assert.deepEqual([told.length, told[0]?.workerLines, told[0]?.serverLines], [1, 777, 0])
  assert.equal(told[0]?.why, 'the reader does not read')
  assert.equal(target.lines.length, sent + 1 + 1)
  writer.write('again\n', 'worker')
  await tick()
  assert.equal(target.lines.at(-1), 'again')
})

test('a log that cannot be written holds nobody back', async () => {
  const { clock, target, writer, holds, told } = setUp()
  target.answer = () => 'ENOSPC'
  writer.write(kilobyte, 'worker')
  await tick()
  for (let n = 0; n < 3000; n += 1) writer.write(kilobyte, 'worker')
  assert.deepEqual(holds, [])
  target.answer = (bytes) => bytes
  await pass(clock, 1000)
  assert.equal(target.lines.length + (told[0]?.workerLines ?? 0), 3001)
  assert.equal(told[0]?.why, 'ENOSPC: no')
})

test('memory is bounded, for lines of the server as for those of workers, and none is lost uncounted', async () => {
  for (const source of ['worker', 'server'] as const) {
    const { clock, target, writer, told } = setUp()
    target.answer = () => 'EAGAIN'
    for (let n = 0; n < 10_000; n += 1) writer.write(kilobyte, source)
    target.answer = (bytes) => bytes
    await pass(clock, 1000)
    const { workerLines = 0, serverLines = 0 } = told[0] ?? {}
    assert.equal(target.lines.length + workerLines + serverLines, 10_000)
    assert.ok(target.text.length <= 4.1 * holdBytes, `${target.text.length} bytes were kept`)
    assert.ok((source === 'worker' ? workerLines : serverLines) > 5000)
  }
})

test('a log that works again is found by the next line, and without one within a second', async () => {
  const { clock, target, writer } = setUp()
  target.answer = () => 'ENOSPC'
  writer.write('one\n', 'server')
  await tick()
  await pass(clock, 60_000)
  target.answer = (bytes) => bytes
  await pass(clock, 20)
  writer.write('two\n', 'server')
  await tick()
  assert.deepEqual(target.lines, ['one', 'two'])
  target.answer = () => 'EPIPE'
  writer.write('three\n', 'server')
  await tick()
  await pass(clock, 60_000)
  target.answer = (bytes) => bytes
  await pass(clock, 1000)
  assert.deepEqual(target.lines, ['one', 'two', 'three'])
})

test('the last flush has a limit in time, and tells of what was dropped', async () => {
  const { clock, target, writer, told } = setUp()
  target.answer = () => 'EAGAIN'
  for (let n = 0; n < 3000; n += 1) writer.write(kilobyte, 'worker')
  writer.tellDropped()
  assert.ok((told[0]?.workerLines ?? 0) > 0)
  const flushed = writer.flush(250)
  await pass(clock, 250)
  assert.equal(await flushed, false)
  const again = writer.flush(250)
  target.answer = (bytes) => bytes
  await pass(clock, 1000)
  assert.equal(await again, true)
  assert.equal(await writer.flush(0), true)
})
