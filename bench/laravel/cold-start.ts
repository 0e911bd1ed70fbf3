/**
 * Cold starts of a Laravel function: milliseconds from exec of `rr bootstrap` to the answer to a first record, with configuration files, with
 * a cached configuration, and with opcache's file cache as well. One of each in turn; median [minimum].
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { copyFileSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { projectFolder, rrCommand } from '../../tests/helpers/project.js'
import { Api } from '../side/api.js'

const program = join(projectFolder, 'bench/laravel/cold.php')
const starts = 9
const answerMsMax = 30_000

interface Case {
  readonly name: string
  readonly isCached: boolean
  readonly opcache: string
}

/** Prints a row for each case. */
export async function benchColdStart(folder: string): Promise<void> {
  const env = { ...process.env, APP_BASE: folder, CACHE_DRIVER: 'array' }
  const cache = join(folder, 'bootstrap/cache')
  const files = join(folder, 'opcache')
  mkdirSync(files, { recursive: true })
  execFileSync('php', [program, 'write'], { env })
  const event = join(folder, 'event.json')
  writeFileSync(event, JSON.stringify({ Records: [record()] }))
  const cases: readonly Case[] = [
    { name: 'configuration files', isCached: false, opcache: '' },
    { name: 'cached configuration', isCached: true, opcache: '' },
    {
      name: 'cached, opcache files',
      isCached: true,
      opcache: `-d opcache.enable_cli=1 -d opcache.file_cache=${files}`,
    },
  ]
  const samples = new Map<string, number[]>(cases.map(({ name }) => [name, []]))
  for (let round = 0; round <= starts; round += 1)
    for (const one of cases) {
      rmSync(join(cache, 'config.php'), { force: true })
      if (one.isCached) copyFileSync(join(folder, 'config.cached.php'), join(cache, 'config.php'))
      const took = await startOnce(one, { folder, env, event })
      // The first one fills opcache's folder and the manifests of packages.
      if (round > 0) samples.get(one.name)?.push(took)
    }
  console.log('Laravel, cold start to the answer of the first record, 1 worker: ms median [min]')
  let unit = 0
  for (const [name, all] of samples) {
    const sorted = all.sort((a, b) => a - b)
    const median = sorted[sorted.length >> 1] ?? 0
    unit ||= median
    const ratio = (median / unit).toFixed(2)
    console.log(`  ${name.padEnd(24)} ${median.toFixed(0)} [${(sorted[0] ?? 0).toFixed(0)}] ×${ratio}`)
  }
}

function record() {
  const command = 'O:10:"Jobs\\Hello":0:{}'
  const payload = {
    uuid: '00000000-0000-4000-8000-000000000001',
    displayName: 'Jobs\\Hello',
    job: 'Illuminate\\Queue\\CallQueuedHandler@call',
    maxTries: null,
    data: { commandName: 'Jobs\\Hello', command },
  }
  return {
    messageId: 'message-0',
    receiptHandle: 'handle-0',
    body: JSON.stringify(payload),
    attributes: { ApproximateReceiveCount: '1' },
    messageAttributes: {},
    eventSource: 'aws:sqs',
    eventSourceARN: 'arn:aws:sqs:eu-west-1:123456789012:orders',
  }
}

async function startOnce(
  { opcache }: Case,
  about: { readonly folder: string; readonly env: NodeJS.ProcessEnv; readonly event: string },
): Promise<number> {
  const { folder, env, event } = about
  const api = new Api(undefined, event)
  const file = join(folder, 'rr.yaml')
  const command = `php ${opcache} ${program} relayrunner:work`
  writeFileSync(
    file,
    `version: "3"\nserver: { command: "${command}" }\nlambda: { pool: { num_workers: 1 } }\n`,
  )
  const address = await api.address()
  const at = Number(process.hrtime.bigint()) / 1e9
  const child: ChildProcess = spawn(process.execPath, [rrCommand, 'bootstrap', '-c', file], {
    env: { ...env, AWS_LAMBDA_RUNTIME_API: address },
    stdio: 'ignore',
  })
  try {
    const answer = await Promise.race([api.stamp('answer'), setTimeout(answerMsMax)])
    if (typeof answer !== 'number') throw new Error(`no answer within ${answerMsMax} ms: ${command}`)
    return 1000 * (answer - at)
  } finally {
    child.kill('SIGTERM')
    await once(child, 'exit')
    await api.end()
  }
}
