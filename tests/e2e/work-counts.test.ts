/**
 * Guards of the hot path that hold on every machine: how many writes and promises one event and one record cost a warm server.
 * A change that raises one of them costs rate and CPU everywhere; one that lowers it lowers the number here.
 */
import assert from 'node:assert/strict'
import { readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { startBootstrap } from '../helpers/bootstrap.js'
import { rrCommand } from '../helpers/project.js'
import { lambdaConfig, sqsEvent, testFolder, workerText } from '../helpers/rr.js'
import { eventually } from '../helpers/wait.js'
import { wireApi } from '../helpers/wire-api.js'
import type { WorkCounts } from '../helpers/work-counter.js'

const counter = fileURLToPath(new URL('../helpers/work-counter.js', import.meta.url))
const [warmUp, rounds] = [50, 200]
const recordCount = 10
const event = JSON.stringify({ x: 'y'.repeat(1000) })
const batch = JSON.stringify(sqsEvent(Array.from({ length: recordCount }, (_, at) => `{"n":${at}}`)))

/** Counts of one event: the mean of many, without the server's own work now and then. */
async function countsOf(
  t: TestContext,
  { body, count, lambda }: { body: string; count: number; lambda?: string },
): Promise<WorkCounts> {
  const folder = await testFolder(t)
  const file = join(folder, 'counts.json')
  const api = await wireApi(t)
  const rr = await startBootstrap(t, api, {
    folder,
    config: lambdaConfig(workerText('echo'), { count, more: '', ...(lambda && { lambda }) }),
    command: [process.execPath, '--import', counter, rrCommand],
    env: { WORK_COUNTS: file },
  })
  const look = async (): Promise<WorkCounts> => {
    rmSync(file, { force: true })
    rr.child.kill('SIGUSR2')
    let text = ''
    await eventually(() => {
      text = textOf(file)
      return text !== ''
    })
    return JSON.parse(text)
  }
  let sent = 0
  const send = (times: number) =>
    new Promise<void>((resolve) => {
      const hand = () => {
        sent += 1
        api.hand(`id-${sent}`, body)
      }
      let left = times
      api.react = () => {
        left -= 1
        if (left > 0) hand()
        else resolve()
        return { status: '202 Accepted' }
      }
      hand()
    }).then(() => api.polled())
  await send(warmUp)
  const before = await look()
  await send(rounds)
  const after = await look()
  const mean = (key: keyof WorkCounts) => (after[key] - before[key]) / rounds
  return { writes: mean('writes'), promises: mean('promises') }
}

function textOf(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return ''
  }
}

const pipelining = 'pipelining: on'
const prefetch = 'prefetch: always'
const cases = [
  { name: 'an event', body: event, count: 1, writes: 3, promises: 1 },
  { name: 'an event with pipelining', body: event, count: 1, lambda: pipelining, writes: 2, promises: 1 },
  { name: 'a batch of ten on one worker', body: batch, count: 1, writes: 12, promises: 9 },
  { name: 'a batch of ten on four workers', body: batch, count: 4, writes: 12, promises: 9 },
  { name: 'a batch with pipelining', body: batch, count: 4, lambda: pipelining, writes: 11, promises: 9 },
  { name: 'a batch with prefetch', body: batch, count: 4, lambda: prefetch, writes: 8, promises: 9 },
  {
    name: 'a batch with both',
    body: batch,
    count: 4,
    lambda: `${prefetch}\n  ${pipelining}`,
    writes: 7,
    promises: 9,
  },
]
for (const { name, body, count, lambda, writes, promises } of cases) {
  test(`${name} costs ${writes} writes and at most ${promises} promises`, async (t) => {
    const counts = await countsOf(t, { body, count, ...(lambda && { lambda }) })
    t.diagnostic(JSON.stringify(counts))
    // Timers of the server and the answer that is under way at a look are fractions of one.
    assert.ok(Math.abs(counts.writes - writes) < 0.3, `${counts.writes} writes`)
    assert.ok(counts.promises < promises + 0.5, `${counts.promises} promises`)
  })
}
