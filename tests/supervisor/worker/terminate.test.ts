import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { WorkerProcess } from '../../../src/supervisor/worker/os/process.js'
import { Termination } from '../../../src/supervisor/worker/terminate.js'
import { ManualClock } from '../../ipc/manual-clock.js'

/** A termination of a process that only writes down which signals it got. */
function makeTermination() {
  const clock = new ManualClock()
  const signals: string[] = []
  const process: WorkerProcess = {
    id: { pid: 0 },
    input: undefined,
    output: undefined,
    exited: new Promise(() => undefined),
    kill: () => void signals.push('SIGKILL'),
    terminate: () => void signals.push('SIGTERM'),
  }
  const termination = new Termination({ process, clock, stopTimeoutMs: 1000 })
  return { termination, clock, signals }
}

const noStack = { stackSignal: undefined }

test('a worker without a grace period is killed at once', () => {
  const { termination, signals } = makeTermination()
  termination.force()
  assert.deepEqual(signals, ['SIGKILL'])
})

test('a worker with a grace period is asked by SIGTERM and killed when the time is over', () => {
  const { termination, clock, signals } = makeTermination()
  termination.setGrace({ graceMs: 500, ...noStack })
  termination.force()
  clock.advance(499)
  assert.deepEqual(signals, ['SIGTERM'])
  clock.advance(1)
  assert.deepEqual(signals, ['SIGTERM', 'SIGKILL'])
})

test('a second force does not wait for the grace period', () => {
  const { termination, signals } = makeTermination()
  termination.setGrace({ graceMs: 500, ...noStack })
  termination.force()
  termination.force()
  assert.deepEqual(signals, ['SIGTERM', 'SIGKILL'])
})

test('a grace period of 0 is SIGKILL at once', () => {
  const { termination, signals } = makeTermination()
  termination.setGrace({ graceMs: 0, ...noStack })
  termination.force()
  assert.deepEqual(signals, ['SIGKILL'])
})

test('a worker that is about to end by itself gets no signal until its time is over', () => {
  const { termination, clock, signals } = makeTermination()
  let overdue = 0
  termination.setOwnEnd(500, () => {
    overdue += 1
  })
  termination.force()
  clock.advance(499)
  assert.deepEqual([signals.length, overdue], [0, 0])
  clock.advance(1)
  assert.deepEqual([signals, overdue], [['SIGKILL'], 1])
})

test('after cancel no timer acts any more', () => {
  const { termination, clock, signals } = makeTermination()
  termination.setGrace({ graceMs: 500, ...noStack })
  termination.force()
  termination.cancel()
  clock.advance(10_000)
  assert.deepEqual(signals, ['SIGTERM'])
})
