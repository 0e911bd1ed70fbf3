import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  BatchProcessor,
  EventType,
  processPartialResponse,
  processPartialResponseSync,
  SqsFifoPartialProcessor,
} from '@aws-lambda-powertools/batch'
import fc from 'fast-check'
import { seededRandom } from '../../../src/core/random.js'
import { rawMode } from '../../../src/plugins/lambda/modes/raw.js'
import { answerOf, handlerOptions, invocationOf } from '../../helpers/lambda.js'
import { sqsEvent } from '../../helpers/rr.js'
import { turnPool } from '../../helpers/turn-pool.js'

/** One record of a random batch: what its order depends on, and whether it fails. */
interface Drawn {
  readonly key: number
  readonly isBad: boolean
}
type Source = 'standard' | 'fifo' | 'kinesis' | 'dynamodb'

const oldest = 49_590_338_271_490_256_608_559_692_538_361_571_095_921_575_989_136_588_898n
const sequenceOf = (index: number) => String(oldest + BigInt(index))
const base64 = (text: string) => Buffer.from(text).toString('base64')

/** The batch as AWS sends it; the body of each record is its index. */
function eventOf(source: Source, batch: readonly Drawn[]): { readonly Records: readonly object[] } {
  const bodies = batch.map((_, index) => String(index))
  switch (source) {
    case 'standard':
      return sqsEvent(bodies)
    case 'fifo':
      return sqsEvent(
        bodies,
        batch.map(({ key }) => `group-${key}`),
      )
    case 'kinesis':
      return {
        Records: batch.map(({ key }, index) => ({
          eventSource: 'aws:kinesis',
          kinesis: {
            sequenceNumber: sequenceOf(index),
            partitionKey: `key-${key}`,
            data: base64(String(index)),
          },
        })),
      }
    default:
      return {
        Records: batch.map(({ key }, index) => ({
          eventSource: 'aws:dynamodb',
          eventID: String(index),
          dynamodb: { SequenceNumber: sequenceOf(index), Keys: { id: { N: String(key) } } },
        })),
      }
  }
}

/** The index of a record, from what a worker or Powertools' handler is given. */
function indexOf(source: Source, body: string): number {
  if (source !== 'dynamodb') return Number(body)
  const { eventID }: { eventID: string } = JSON.parse(body)
  return Number(eventID)
}

interface Failures {
  readonly batchItemFailures: readonly { readonly itemIdentifier: string }[]
}

const namesOf = ({ batchItemFailures }: Failures) => batchItemFailures.map((one) => one.itemIdentifier)

async function ours(
  source: Source,
  batch: readonly Drawn[],
  about: { readonly workers: number; readonly seed: number; readonly fifo?: 'group' | 'strict' },
): Promise<readonly string[]> {
  const pool = turnPool(about.workers, seededRandom(about.seed), (body) => {
    if (batch[indexOf(source, body)]?.isBad === true) throw new Error('bad')
  })
  const options = handlerOptions(pool, { splitting: { fifo: about.fifo ?? 'group' } })
  const answer = await answerOf(invocationOf(eventOf(source, batch)), options)
  assert.ok(answer.kind === 'result')
  return namesOf(JSON.parse(String(answer.body)))
}

const eventTypes = {
  standard: EventType.SQS,
  kinesis: EventType.KinesisDataStreams,
  dynamodb: EventType.DynamoDBStreams,
}

async function theirs(source: Exclude<Source, 'fifo'>, batch: readonly Drawn[]): Promise<readonly string[]> {
  let at = 0
  const handler = async () => {
    if (batch[at++]?.isBad === true) throw new Error('bad')
  }
  const processor = new BatchProcessor(eventTypes[source])
  const options = { throwOnFullBatchFailure: false, processInParallel: false }
  return namesOf(await processPartialResponse(eventOf(source, batch) as never, handler, processor, options))
}

function theirsFifo(batch: readonly Drawn[], skipGroupOnError: boolean): readonly string[] {
  const handler = ({ body }: { readonly body: string }) => {
    if (batch[Number(body)]?.isBad === true) throw new Error('bad')
  }
  const options = { throwOnFullBatchFailure: false, skipGroupOnError }
  const processor = new SqsFifoPartialProcessor()
  return namesOf(processPartialResponseSync(eventOf('fifo', batch) as never, handler, processor, options))
}

const drawn = fc.record({ key: fc.nat(4), isBad: fc.boolean() })
const batches = fc.array(drawn, { minLength: 1, maxLength: 30 })
const workers = fc.integer({ min: 1, max: 5 })
const settings = { numRuns: 200, seed: 20_261_124 }

test('for a standard queue we name the failed records that AWS’s own library names', async () => {
  await fc.assert(
    fc.asyncProperty(batches, workers, fc.nat(), async (batch, count, seed) => {
      assert.deepEqual(
        await ours('standard', batch, { workers: count, seed }),
        await theirs('standard', batch),
      )
    }),
    settings,
  )
})

test('for a FIFO queue fifo: strict is what AWS’s own library does', async () => {
  await fc.assert(
    fc.asyncProperty(batches, workers, fc.nat(), async (batch, count, seed) => {
      const names = await ours('fifo', batch, { workers: count, seed, fifo: 'strict' })
      assert.deepEqual(names, theirsFifo(batch, false))
    }),
    settings,
  )
})

test('for a FIFO queue fifo: group is what AWS’s own library does with skipGroupOnError', async () => {
  await fc.assert(
    fc.asyncProperty(batches, workers, fc.nat(), async (batch, count, seed) => {
      const names = await ours('fifo', batch, { workers: count, seed, fifo: 'group' })
      assert.deepEqual(names, theirsFifo(batch, true))
    }),
    settings,
  )
})

interface SmallBatch {
  readonly Records: readonly { readonly messageId: string; readonly body: string }[]
}

/** A worker of small batches, which names the failed records of each. */
async function oursInSmallBatches(
  source: 'standard' | 'fifo',
  batch: readonly Drawn[],
  about: { readonly workers: number; readonly seed: number; readonly recordsPerJob: number },
): Promise<readonly string[]> {
  const { recordsPerJob } = about
  const pool = turnPool(about.workers, seededRandom(about.seed), (body) => {
    const { Records }: SmallBatch = JSON.parse(body)
    assert.ok(Records.length >= 1 && Records.length <= recordsPerJob)
    const failed = Records.filter((record) => batch[Number(record.body)]?.isBad === true)
    return JSON.stringify({
      batchItemFailures: failed.map(({ messageId }) => ({ itemIdentifier: messageId })),
    })
  })
  const split = { isSplit: true, fifo: 'group' } as const
  const mode = rawMode({ split, hasPartialFailures: true, recordsPerJob })
  const options = handlerOptions(pool, { mode, recordsPerJob })
  const answer = await answerOf(invocationOf(eventOf(source, batch)), options)
  assert.ok(answer.kind === 'result')
  return namesOf(JSON.parse(String(answer.body)))
}

test('in small batches of any size we name what AWS’s own library names in one', async () => {
  await fc.assert(
    fc.asyncProperty(
      batches,
      workers,
      fc.nat(),
      fc.integer({ min: 2, max: 7 }),
      async (batch, count, seed, recordsPerJob) => {
        const about = { workers: count, seed, recordsPerJob }
        assert.deepEqual(await oursInSmallBatches('standard', batch, about), await theirs('standard', batch))
        assert.deepEqual(await oursInSmallBatches('fifo', batch, about), theirsFifo(batch, true))
      },
    ),
    settings,
  )
})

/** Returns Lambda's next checkpoint: the lowest sequence number that was named. */
function checkpoint(names: readonly string[]): bigint | undefined {
  return names
    .map(BigInt)
    .reduce<bigint | undefined>((low, one) => (low === undefined || one < low ? one : low), undefined)
}

for (const source of ['kinesis', 'dynamodb'] as const) {
  test(`for ${source} Lambda goes on where AWS’s own library makes it go on, and we name all that it names`, async () => {
    await fc.assert(
      fc.asyncProperty(batches, workers, fc.nat(), async (batch, count, seed) => {
        const [mine, yours] = [
          await ours(source, batch, { workers: count, seed }),
          await theirs(source, batch),
        ]
        assert.equal(checkpoint(mine), checkpoint(yours))
        // Beside them only what was held back behind a failed record of its own key.
        const heldBack = batch.flatMap(({ key }, index) =>
          batch.slice(0, index).some((one) => one.key === key && one.isBad) ? [sequenceOf(index)] : [],
        )
        assert.deepEqual([...new Set([...yours, ...heldBack])].sort(), [...mine].sort())
      }),
      settings,
    )
  })

  test(`for ${source} with a key for each record we name exactly what AWS’s own library names`, async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.boolean(), { minLength: 1, maxLength: 30 }),
        fc.nat(),
        async (bad, seed) => {
          const batch = bad.map((isBad, key) => ({ key, isBad }))
          assert.deepEqual(await ours(source, batch, { workers: 3, seed }), await theirs(source, batch))
        },
      ),
      settings,
    )
  })
}
