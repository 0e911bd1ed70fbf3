/** Whole invocations: a Runtime API that answers at once, `rr bootstrap`, PHP or Node workers; plain events and batches. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { endingWithUs } from '../tests/helpers/mortal.js'
import { projectFolder } from '../tests/helpers/project.js'
import { instantApi } from './instant-api.js'
import { pause, rr } from './pool.js'

const measureMs = 2000
const ticksPerSecond = 100

/** Prints a row a kind of event and number of workers. */
export async function benchLambda(): Promise<void> {
  console.log('lambda: invocations/s, µs of server CPU an invocation (its workers left out)')
  const batch = JSON.stringify({ Records: Array.from({ length: 10 }, (_, at) => record(at)) })
  const events: [string, string][] = [
    ['1 KB', JSON.stringify({ x: 'y'.repeat(1014) })],
    ['64 KB', JSON.stringify({ x: 'y'.repeat(65_526) })],
    ['SQS 10', batch],
  ]
  for (const [name, event] of events) {
    const cells: string[] = []
    for (const workers of [1, 2, 4]) cells.push(await measure(event, workers))
    console.log(`  ${name.padStart(6)}   ${cells.join('   ')}`)
  }
}

function record(at: number): object {
  return {
    messageId: `00000000-0000-4000-8000-${String(at).padStart(12, '0')}`,
    receiptHandle: 'r'.repeat(64),
    body: JSON.stringify({ n: at, pad: 'z'.repeat(180) }),
    attributes: { ApproximateReceiveCount: '1', SentTimestamp: '1700000000000' },
    messageAttributes: {},
    eventSource: 'aws:sqs',
    eventSourceARN: 'arn:aws:sqs:us-east-1:123456789012:q',
    awsRegion: 'us-east-1',
  }
}

async function cpuMs(pid: number): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, 'latin1')
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return ((Number(fields[11]) + Number(fields[12])) * 1000) / ticksPerSecond
}

async function measure(event: string, workers: number): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'rr-bench-'))
  const command = `${process.execPath} ${join(projectFolder, 'tests/fixtures/workers/echo.mjs')}`
  const config = `version: "3"\nserver: { command: "${command}" }\nlambda: { pool: { num_workers: ${workers} } }\n`
  await writeFile(join(folder, 'rr.yaml'), config)
  const api = await instantApi(event)
  const [file, ...words] = endingWithUs([process.execPath, rr, 'bootstrap', '-c', join(folder, 'rr.yaml')])
  const child = spawn(file, words, {
    env: { ...process.env, AWS_LAMBDA_RUNTIME_API: api.address },
    stdio: 'ignore',
  })
  await api.answered(200)
  const [count, cpu, at] = [api.count(), await cpuMs(child.pid ?? 0), performance.now()]
  await pause(measureMs)
  const [done, used, tookMs] = [
    api.count() - count,
    (await cpuMs(child.pid ?? 0)) - cpu,
    performance.now() - at,
  ]
  child.kill('SIGKILL')
  await once(child, 'exit')
  await api.close()
  await rm(folder, { recursive: true, force: true })
  return `${workers}: ${String(Math.round((done * 1000) / tookMs)).padStart(6)}/s ${((used * 1000) / Math.max(1, done)).toFixed(0).padStart(5)} µs`
}
