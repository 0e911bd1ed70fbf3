import assert from 'node:assert/strict'
import { test } from 'node:test'
import { systemClock } from '../../../src/core/clock.js'
import type { LogRecord } from '../../../src/logging/encode.js'
import { LiveLines } from '../../../src/supervisor/live/live-lines.js'

class OpenLog {
  readonly listeners = new Set<(record: LogRecord) => void>()

  tap(listener: (record: LogRecord) => void): () => void {
    this.listeners.add(listener)
    return () => void this.listeners.delete(listener)
  }

  say(message: string, fields: LogRecord['fields'] = {}): void {
    for (const listener of this.listeners)
      listener({ timeMs: 0, level: 'info', logger: 'x', message, fields })
  }
}

test('lines are kept while somebody holds them, and forgotten with the last holder', () => {
  const log = new OpenLog()
  const recent = new LiveLines(log, systemClock)
  log.say('before')
  const [first, second] = [recent.hold(), recent.hold()]
  log.say('a', { size: 1, error: 'no', left: undefined })
  assert.equal(log.listeners.size, 1)
  first()
  first()
  log.say('b')
  assert.deepEqual(
    recent.lines(0).map(({ message, fields }) => [message, fields]),
    [
      ['a', 'size=1 error=no'],
      ['b', ''],
    ],
  )
  second()
  assert.deepEqual([recent.lines(0), log.listeners.size], [[], 0])
})

test('a flood fills no more than a second’s share, and failures have a share of their own', () => {
  const log = new OpenLog()
  const recent = new LiveLines(log, { ...systemClock, monotonicMs: () => 5 })
  recent.hold()
  for (let n = 0; n < 1000; n += 1) log.say('x'.repeat(5000))
  log.say('it failed', { errorType: 'E', errorMessage: 'why', stackTrace: ['at a'], job: 'j', attempt: 2 })
  assert.equal(recent.lines(0).length, 100)
  assert.equal(recent.lines(0)[0]?.message.length, 1001)
  const [failure] = recent.failures(0)
  assert.deepEqual(
    [failure?.type, failure?.error, failure?.stack, failure?.job, failure?.attempt],
    ['E', 'why', ['at a'], 'j', 2],
  )
  assert.deepEqual(recent.failures(failure?.n ?? 0), [])
})
