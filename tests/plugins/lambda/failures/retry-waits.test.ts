import assert from 'node:assert/strict'
import { test } from 'node:test'
import { systemClock } from '../../../../src/core/clock.js'
import {
  type ChangeVisibility,
  RetryWaits,
  type WaitEntry,
} from '../../../../src/plugins/lambda/failures/retry-waits.js'
import { urlOfArn } from '../../../../src/plugins/lambda/failures/visibility.js'
import { MemoryLog } from '../../../../testing/memory-log.js'

const record = (name: string, arn = 'arn:aws:sqs:eu-west-1:1:q') => ({
  eventSource: 'aws:sqs',
  eventSourceARN: arn,
  receiptHandle: name,
})

function waitsOf(change: ChangeVisibility) {
  const log = new MemoryLog(systemClock)
  const waits = new RetryWaits({ load: async () => change, clock: systemClock, log })
  return { waits, log }
}

test('waits of one turn are joined by queue, ten a call, rounded up, and capped at twelve hours', async () => {
  const calls: (readonly [arn: string, entries: readonly WaitEntry[]])[] = []
  const { waits } = waitsOf(async (arn, entries) => {
    calls.push([arn, entries])
    return []
  })
  const event = waits.begin()
  for (let at = 0; at < 12; at += 1) event.grant(record(`r${at}`), 1001)
  event.grant(record('other', 'arn:aws:sqs:eu-west-1:1:other'), 90_000_000)
  event.grant({ eventSource: 'aws:kinesis' }, 1000)
  await event.settled(1000)
  assert.deepEqual(
    calls.map(([arn, entries]) => [arn.split(':').at(-1), entries.length]),
    [
      ['q', 10],
      ['q', 2],
      ['other', 1],
    ],
  )
  assert.equal(calls[0]?.[1][0]?.seconds, 2)
  const longest = calls[2]?.[1][0]?.seconds ?? 0
  assert.ok(longest <= 43_200 && longest > 43_000, String(longest))
})

test('a refusal is told once, and an answer does not wait for a call that takes long', async () => {
  let isSlow = false
  const { waits, log } = waitsOf(async (_, entries, signal) => {
    if (!isSlow) return entries.map(() => 'AccessDenied')
    await new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
    return []
  })
  for (let times = 0; times < 2; times += 1) {
    const event = waits.begin()
    event.grant(record('a'), 1000)
    await event.settled(1000)
  }
  assert.equal(log.lines.filter((line) => line.level === 'warn').length, 1)
  isSlow = true
  const event = waits.begin()
  event.grant(record('b'), 1000)
  const begun = performance.now()
  await event.settled(50)
  assert.ok(performance.now() - begun < 900)
})

test('two time-outs in a row end the trying, with one warning', async () => {
  let calls = 0
  const { waits, log } = waitsOf(async (_, _entries, signal) => {
    calls += 1
    await new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
    return []
  })
  for (let times = 0; times < 3; times += 1) {
    const event = waits.begin()
    event.grant(record('a'), 1000)
    await event.settled(5000)
  }
  assert.equal(calls, 2)
  assert.deepEqual(
    log.lines.map((line) => line.level),
    ['warn'],
  )
})

test('the URL of a queue is made of its ARN', () => {
  const arn = 'arn:aws:sqs:eu-west-1:123456789012:orders.fifo'
  assert.equal(urlOfArn(arn, undefined), 'https://sqs.eu-west-1.amazonaws.com/123456789012/orders.fifo')
  assert.equal(urlOfArn(arn, 'http://127.0.0.1:9/'), 'http://127.0.0.1:9/123456789012/orders.fifo')
})
