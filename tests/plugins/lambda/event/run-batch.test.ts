import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { seededRandom } from '../../../../src/core/random.js'
import type { Pool } from '../../../../src/supervisor/pool/pool.js'
import { handlerOptions, invocationOf, startEvent } from '../../../helpers/lambda.js'
import { sqsEvent } from '../../../helpers/rr.js'
import { turnPool } from '../../../helpers/turn-pool.js'

test('any batch, any pool: groups in order, one of a group at once, failures exact, each record once', async () => {
  const record = fc.record({ group: fc.nat(4), isBad: fc.boolean() })
  await fc.assert(
    fc.asyncProperty(
      fc.array(record, { minLength: 1, maxLength: 40 }),
      fc.integer({ min: 1, max: 6 }),
      fc.nat(),
      async (batch, size, seed) => {
        const running = new Set<number>()
        const ran: number[] = []
        const pool = turnPool(size, seededRandom(seed), async (body) => {
          const index = Number(body)
          const { group, isBad } = batch[index] ?? { group: 0, isBad: false }
          assert.ok(!running.has(group), `two of group ${group} at once`)
          running.add(group)
          await new Promise((resolve) => setImmediate(resolve))
          running.delete(group)
          ran.push(index)
          if (isBad) throw new Error('bad')
        })
        const event = sqsEvent(
          batch.map((_, index) => String(index)),
          batch.map(({ group }) => `g${group}`),
        )
        const answer = await handle(pool, event)
        const failed: number[] = []
        const broken = new Set<number>()
        for (const [index, { group, isBad }] of batch.entries()) {
          if (broken.has(group) || isBad) failed.push(index)
          if (isBad) broken.add(group)
        }
        assert.deepEqual(
          answer,
          failed.map((index) => `message-${index}`),
        )
        assert.equal(new Set(ran).size, ran.length)
        for (let group = 0; group <= 4; group += 1) {
          const order = ran.filter((index) => batch[index]?.group === group)
          assert.deepEqual(
            order,
            [...order].sort((a, b) => a - b),
          )
        }
      },
    ),
    { numRuns: 300 },
  )
})

test('a worker that comes up in the middle of a batch takes its share', async () => {
  let bootSecond!: () => void
  const late = new Promise<void>((resolve) => {
    bootSecond = resolve
  })
  let endFirst!: () => void
  const held = new Promise<void>((resolve) => {
    endFirst = resolve
  })
  const run = async (body: string) => {
    // The only worker is held by its second record until the one that boots meanwhile has run the rest.
    if (body === '1') {
      bootSecond()
      await held
    }
    if (body === '3') endFirst()
  }
  const pool = turnPool(2, () => 0, run, late)
  assert.deepEqual(await handle(pool, sqsEvent(['0', '1', '2', '3'])), [])
})

async function handle(pool: Pool, event: unknown): Promise<string[]> {
  const { ended } = startEvent(invocationOf(event), handlerOptions(pool))
  const answer = (await ended).answer
  assert.equal(answer.kind, 'result')
  const { batchItemFailures } = JSON.parse(String(answer.kind === 'result' ? answer.body : ''))
  return batchItemFailures.map((one: { itemIdentifier: string }) => one.itemIdentifier)
}
