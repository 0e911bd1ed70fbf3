/**
 * What a job costs as something grows: workers, callers in the waiting line, keys, records of a batch, bytes of a body. Microseconds of CPU,
 * so that others on the machine matter little; the last column is the cost of the last step against the first: 1 is flat for things
 * counted by the job, and linear for those counted by the record or the kilobyte.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { systemClock } from '../src/core/clock.js'
import { answerBatch } from '../src/plugins/lambda/answer/answer.js'
import { planEvent } from '../src/plugins/lambda/plan/split.js'
import { Codec } from '../src/supervisor/job.js'
import { WaitingLine } from '../src/supervisor/pool/queue/waiting-line.js'
import { poolDefaults } from '../tests/helpers/pool.js'
import { benchHost } from './host.js'
import { quickestWorker } from './pool.js'

/** Prints a row for everything that can grow. */
export async function benchScale(): Promise<void> {
  console.log('scale: µs of CPU, and the cost of the last step against that of the first')
  await row('a job, by workers', [1, 4, 16, 64], (workers) => poolCost({ workers, bytes: 100, jobs: 3000 }))
  await row('a job, by callers that wait', [1, 1000, 100_000], (waiting) => lineCost(waiting, 1))
  await row('a job, by keys of 100,000 that wait', [1, 1000, 100_000], (keys) => lineCost(100_000, keys))
  await row('a record of a batch, planned and answered', [10, 100, 1000, 10_000], batchCost)
  await row('a KB of a body through a worker', [10_000, 100_000, 1_000_000, 6_000_000], async (bytes) => {
    const us = await poolCost({ workers: 1, bytes, jobs: Math.max(20, Math.ceil(20_000_000 / bytes)) })
    return us / (bytes / 1024)
  })
  await row('a KB of an event without records, escaped', [10_000, 1_000_000, 6_000_000], eventCost)
}

async function row(
  name: string,
  steps: readonly number[],
  costOf: (step: number) => number | Promise<number>,
): Promise<void> {
  const costs: number[] = []
  for (const step of steps) costs.push(await costOf(step))
  const cells = costs.map((us, at) => `${steps[at]?.toLocaleString('en')}: ${us.toFixed(us < 1 ? 3 : 2)}`)
  const growth = (costs.at(-1) ?? 0) / (costs[0] || 1)
  console.log(`  ${name.padEnd(42)} ${cells.join('   ')}   ×${growth.toFixed(2)}`)
}

/** CPU of this process, its helper threads included, in µs. */
async function cpuUs(act: () => void | Promise<void>): Promise<number> {
  const before = process.cpuUsage()
  await act()
  const used = process.cpuUsage(before)
  return used.user + used.system
}

async function poolCost(about: { workers: number; bytes: number; jobs: number }): Promise<number> {
  const folder = await mkdtemp(join(tmpdir(), 'rr-bench-'))
  const host = benchHost(folder)
  const command = quickestWorker()
  const pool = host.open(
    { ...poolDefaults, num_workers: about.workers, command },
    { name: 'bench', mode: 'lambda' },
  )
  try {
    await pool.booted
    const job = { context: '{}', body: Buffer.alloc(about.bytes, 120), codec: Codec.raw }
    const run = async (jobs: number) => {
      for (let at = 0; at < jobs; at += 1) await pool.run(job)
    }
    await run(Math.min(about.jobs, 1000))
    return (await cpuUs(() => run(about.jobs))) / about.jobs
  } finally {
    host.kill()
    await host.stop(0)
    await rm(folder, { recursive: true, force: true })
  }
}

const lineJobs = 100_000

/** Cost of a caller that comes and is served while others wait; no worker, the line alone. */
async function lineCost(waiting: number, keys: number): Promise<number> {
  const line = new WaitingLine<number>({ pool: 'bench', clock: systemClock })
  const stand = (at: number) => {
    const wait = { front: false, waitMsMax: 600_000, signal: undefined, key: `key-${at % keys}` }
    void line.wait(wait)
  }
  for (let at = 0; at < waiting; at += 1) stand(at)
  const us = await cpuUs(async () => {
    for (let at = 0; at < lineJobs; at += 1) {
      line.serve(at)
      stand(at)
      // A worker's reply comes in a turn of its own; a hundred of them share one here.
      if (at % 100 === 99) await new Promise((resolve) => setImmediate(resolve))
    }
  })
  while (line.length > 0) line.serve(0)
  return us / lineJobs
}

const recordsInAll = 100_000
const nothing = Buffer.alloc(0)
const split = { isSplit: true, fifo: 'group' } as const

async function batchCost(records: number): Promise<number> {
  const Records = Array.from({ length: records }, (_, at) => ({
    messageId: `00000000-0000-4000-8000-${String(at).padStart(12, '0')}`,
    body: 'z'.repeat(200),
    attributes: { ApproximateReceiveCount: '1' },
    eventSource: 'aws:sqs',
    eventSourceARN: 'arn:aws:sqs:us-east-1:123456789012:q',
  }))
  const body = Buffer.from(JSON.stringify({ Records }))
  const act = () => {
    const plan = planEvent(body, split)
    if (plan.kind !== 'batch') throw new Error('the event is not a batch')
    const verdicts = plan.records.map(() => ({ kind: 'done', body: nothing }) as const)
    answerBatch({ records: plan.records, verdicts, isFailed: () => true, isPartial: true })
  }
  return repeated(act, Math.ceil(recordsInAll / records)).then((us) => us / records)
}

async function eventCost(bytes: number): Promise<number> {
  const body = Buffer.from(`{"text":"${'\\u00e4 and so on '.repeat(bytes / 16)}"}`)
  const us = await repeated(() => void planEvent(body, split), Math.ceil(100_000_000 / bytes))
  return us / (body.length / 1024)
}

async function repeated(act: () => void, times: number): Promise<number> {
  act()
  const us = await cpuUs(() => {
    for (let at = 0; at < times; at += 1) act()
  })
  return us / times
}
