import assert from 'node:assert/strict'
import { test } from 'node:test'
import { childrenOf } from '../helpers/processes.js'
import { fixture, missing, rrCommand } from '../helpers/project.js'
import { invoke, lambdaConfig, started, startRr, workerText } from '../helpers/rr.js'
import { watchdogsOf } from '../helpers/storm.js'
import { eventually } from '../helpers/wait.js'

const skip = missing('python3')
const command = ['python3', fixture('first-process.py'), process.execPath, rrCommand] as const

test('a server waits for its helpers: a stop leaves no zombie to a parent that waits for nobody else', {
  skip,
}, async (t) => {
  for (const isStopped of [false, true]) {
    const rr = await startRr(t, ['serve'], { config: lambdaConfig(workerText('who')), command })
    await started(rr)
    const [server = 0] = childrenOf(rr.child.pid ?? 0)
    await eventually(() => watchdogsOf(server).length === 2)
    // One that somebody stopped does not read the end of its input.
    if (isStopped) process.kill(watchdogsOf(server)[0] ?? 0, 'SIGSTOP')
    rr.child.kill('SIGTERM')
    await rr.ended
    assert.match(rr.text(), /\[exit 0 left \]/)
  }
})

test('nor does a second signal', { skip }, async (t) => {
  const rr = await startRr(t, ['serve'], { config: lambdaConfig(workerText('sleeps-and-tells')), command })
  invoke(rr, '600000').catch(() => undefined)
  await rr.line((line) => line.logger === 'worker' && line.message === 'running')
  rr.child.kill('SIGTERM')
  await rr.line(({ message }) => message === 'stopping')
  rr.child.kill('SIGTERM')
  await rr.ended
  assert.match(rr.text(), /\[exit 1 left \]/)
})
