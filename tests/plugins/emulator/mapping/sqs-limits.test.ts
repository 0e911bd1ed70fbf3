import assert from 'node:assert/strict'
import { test } from 'node:test'
import { problemOfMessage } from '../../../../src/plugins/emulator/mapping/sqs-limits.js'
import type { NewMessage } from '../../../../src/work/queues/message-queue.js'

const refusals: readonly [what: string, queue: string, message: NewMessage, because: RegExp][] = [
  ['an empty body', 'work', { body: '' }, /empty/],
  ['a body over 1 MiB', 'work', { body: 'x'.repeat(1024 * 1024 + 1) }, /1048576 bytes/],
  [
    'a body that is over 1 MiB with its attributes',
    'work',
    {
      body: 'x'.repeat(1024 * 1024),
      messageAttributes: { a: { dataType: 'String', stringValue: 'b' } },
    },
    /not 1048584/,
  ],
  ['a character that XML has no place for', 'work', { body: 'a\u0000b' }, /character/],
  ['a FIFO message without a group', 'work.fifo', { body: 'a' }, /group/],
  ['a FIFO message with a delay', 'work.fifo', { body: 'a', group: 'g', delayMs: 1000 }, /delay/],
  ['a deduplication id on a standard queue', 'work', { body: 'a', deduplicationId: 'd' }, /deduplicate/],
  ['a delay over 15 minutes', 'work', { body: 'a', delayMs: 900_001 }, /900 s/],
  ['a group with a space', 'work.fifo', { body: 'a', group: 'a b' }, /"a b" is not an id/],
  ['a group of 129 characters', 'work', { body: 'a', group: 'g'.repeat(129) }, /not an id/],
]
for (const [what, queue, message, because] of refusals) {
  test(`refused: ${what}`, () => {
    assert.match(problemOfMessage(message, queue.endsWith('.fifo')) ?? 'taken', because)
  })
}

test('a body of exactly 1 MiB is taken, and one with characters beyond the first plane', () => {
  for (const body of ['x'.repeat(1024 * 1024), 'tab\t and 😀'])
    assert.equal(problemOfMessage({ body }, false), undefined)
})
