import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync, readSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { EarlyChildren } from '../../../../src/supervisor/worker/os/early.js'
import type { EarlyChild } from '../../../../src/supervisor/worker/os/process.js'
import { fifoCounts } from '../../../../src/supervisor/worker/os/standard-fifos.js'
import { isAlive } from '../../../helpers/pool.js'
import { testFolder } from '../../../helpers/rr.js'
import { eventually } from '../../../helpers/wait.js'

const facts = { words: ['cat'], cwd: '/', env: { PATH: '/usr/bin:/bin', A: '1' } }

test('a child is asked for its pid, and handed only to the worker that would have been started so', async (t) => {
  const folder = await testFolder(t)
  const children = new EarlyChildren(facts)
  t.after(() => children.discard())
  children.start(1, (at) => join(folder, `fifo-${at}`))
  // The first is for the watchdog, which opens it by its name.
  assert.deepEqual(readdirSync(folder), ['fifo-0'], 'a FIFO of the worker has kept its name')
  for (const other of [
    { ...facts, words: ['cat', '-u'] },
    { ...facts, cwd: '/tmp' },
    { ...facts, env: { ...facts.env, A: '2' } },
    { ...facts, env: { ...facts.env, B: '' } },
  ])
    assert.equal(children.take(other), undefined, JSON.stringify(other))
  const child = children.take({ ...facts })
  assert.ok(child)
  assert.equal(children.take(facts), undefined)
  // `cat` sends back what it was asked.
  await eventually(() => answerOf(child)?.includes(`{"pid":${process.pid}}`) === true)
  // The end of its input ends it, as when the server is killed.
  child.fifos.stderr.close()
  child.fifos.relay?.stdout.close()
  child.fifos.relay?.stdin.close()
  assert.deepEqual(await child.exited, { code: 0, signal: null })
})

/** What the child has written to its relay meanwhile. */
function answerOf({ fifos }: EarlyChild): string | undefined {
  const bytes = Buffer.alloc(100)
  try {
    return bytes.toString('latin1', 0, readSync(fifos.relay?.stdout.fd ?? -1, bytes))
  } catch {
    // EAGAIN: nothing yet.
    return undefined
  }
}

test('children that nobody took over are killed', async (t) => {
  const folder = await testFolder(t)
  const pidFile = join(folder, 'pid')
  const words = ['sh', '-c', `echo $$ >${pidFile}.new; mv ${pidFile}.new ${pidFile}; exec sleep 60`]
  const children = new EarlyChildren({ ...facts, words })
  children.start(1, (at) => join(folder, `fifo-${at}`))
  await eventually(() => existsSync(pidFile))
  const pid = Number(readFileSync(pidFile, 'utf8'))
  assert.ok(isAlive(pid))
  children.discard()
  await eventually(() => !isAlive(pid))
})

test('what a child has started is killed with it', async (t) => {
  const folder = await testFolder(t)
  const pidFile = join(folder, 'pid')
  const words = ['sh', '-c', `sleep 60 & echo $! >${pidFile}.new; mv ${pidFile}.new ${pidFile}; wait`]
  const children = new EarlyChildren({ ...facts, words })
  children.start(1, (at) => join(folder, `fifo-${at}`))
  await eventually(() => existsSync(pidFile))
  const pid = Number(readFileSync(pidFile, 'utf8'))
  children.discard()
  await eventually(() => !isAlive(pid))
})

test('an early start that fails leaves no FIFO, whether mkfifo or the system refused', async (t) => {
  const folder = await testFolder(t)
  const children = new EarlyChildren(facts)
  const last = 2 * fifoCounts.relay - 1
  const pathOf = (at: number) => join(folder, at === last ? 'no-folder/fifo' : `fifo-${at}`)
  assert.throws(() => children.start(2, pathOf), /mkfifo/)
  assert.deepEqual(readdirSync(folder), [])
  const nowhere = { ...facts, cwd: join(folder, 'no-folder') }
  const none = new EarlyChildren(nowhere)
  assert.throws(() => none.start(2, (at) => join(folder, `fifo-${at}`)), /could not start cat/)
  assert.equal(none.take(nowhere), undefined)
  assert.deepEqual(readdirSync(folder), [])
})

test('a FIFO that a killed server of the same pid left is replaced', async (t) => {
  const folder = await testFolder(t)
  writeFileSync(join(folder, 'fifo-1'), '')
  const children = new EarlyChildren(facts)
  t.after(() => children.discard())
  children.start(1, (at) => join(folder, `fifo-${at}`))
  assert.deepEqual(readdirSync(folder), ['fifo-0'])
  assert.equal(children.takeFifo(), join(folder, 'fifo-0'))
})

test('a program that is not there is told by the ordinary start: nothing is left of the attempt', async (t) => {
  const folder = await testFolder(t)
  const children = new EarlyChildren({ ...facts, words: ['no-such-program'] })
  assert.throws(() => children.start(1, (at) => join(folder, `fifo-${at}`)), /no-such-program/)
  assert.equal(children.take({ ...facts, words: ['no-such-program'] }), undefined)
})
