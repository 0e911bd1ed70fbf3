import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { fixture, missing, rrCommand } from '../helpers/project.js'
import { lambdaConfig, type RunningRr, started, startRr, testFolder } from '../helpers/rr.js'

const waits = 'no worker could boot: waiting for a file change (or `rr reset`)'

function shellConfig(script: string, count: number): string {
  const command = JSON.stringify(['/bin/sh', '-c', script])
  return `version: "3"\nserver: { command: ${command} }\nlambda: { pool: { num_workers: ${count} } }\nemulator: { address: "127.0.0.1:0" }\n`
}

function startDev(t: TestContext, options: Parameters<typeof startRr>[2]): Promise<RunningRr> {
  return startRr(t, ['dev', '-o', 'logs.encoding=json'], options)
}

function linesWith(rr: RunningRr, message: string): number {
  return rr.lines().filter((line) => line.message === message).length
}

/** Resolves when `count` lines with this message have come. */
async function nth(rr: RunningRr, message: string, count: number): Promise<void> {
  await rr.line((line) => line.message === message && linesWith(rr, message) >= count)
}

test('dev: one mistake in all workers is told once, whole, and nothing boots until a reset or a change', async (t) => {
  const folder = await testFolder(t)
  const script = 'echo boot >>boots.log; exec node app.mjs'
  await writeFile(join(folder, 'app.mjs'), "import { serve, nothing } from 'node:fs'\n")
  const rr = await startDev(t, { folder, config: shellConfig(script, 3) })
  await nth(rr, waits, 1)
  const [workers, others] = [true, false].map((isWorker) =>
    rr.lines().filter((line) => (line.logger === 'worker') === isWorker),
  )
  assert.equal(workers?.filter(({ message }) => message.startsWith('SyntaxError')).length, 1, rr.text())
  assert.ok(
    workers?.some(({ message }) => message.startsWith('Node.js v')),
    'the words are whole',
  )
  assert.equal(others?.filter(({ level }) => level === 'error').length, 1, rr.text())
  assert.equal(JSON.stringify(others).includes('SyntaxError'), false, 'the words are not repeated')
  assert.equal(rr.lines().filter(({ message }) => message === waits).length, 1)
  const run = spawnSync(process.execPath, [rrCommand, 'reset'], { cwd: folder, encoding: 'utf8' })
  assert.equal(run.status, 1, run.stderr)
  await nth(rr, waits, 2)
  assert.equal((await readFile(join(folder, 'boots.log'), 'utf8')).split('\n').length - 1, 6)
  await writeFile(join(folder, 'app.mjs'), `import '${fixture('workers', 'echo.mjs')}'\n`)
  await rr.line(({ message }) => message === 'a worker is ready')
})

test('dev: a missing PHP file is told once for all workers', { skip: missing('php') }, async (t) => {
  const rr = await startDev(t, { config: lambdaConfig('php workr.php', { count: 4 }) })
  await nth(rr, waits, 1)
  const told = rr.lines().filter(({ message }) => message === 'Could not open input file: workr.php')
  assert.equal(told.length, 1, rr.text())
  assert.match(rr.text(), /There is no file .*workr\.php/)
})

test('dev: two different mistakes are both told', async (t) => {
  // The one fails between two others.
  // `rr dev` does not watch names with .tmp: a worker's own mark is not a change.
  const late = 'mkdir b.tmp 2>/dev/null && { sleep 0.3; echo one >&2; exit 1; }; sleep 0.6'
  const script = `mkdir a.tmp 2>/dev/null || { ${late}; }; echo another >&2; exit 2`
  const rr = await startDev(t, { config: shellConfig(script, 3) })
  await nth(rr, waits, 1)
  assert.deepEqual([linesWith(rr, 'one'), linesWith(rr, 'another')], [1, 1])
})

test('dev: where one worker is ready the others are tried again, and what they repeat is counted', async (t) => {
  const script = `mkdir first.tmp 2>/dev/null || { echo the port is taken >&2; exit 1; }; exec ${process.execPath} ${fixture('workers', 'echo.mjs')}`
  const rr = await startDev(t, { config: shellConfig(script, 2) })
  await started(rr)
  await rr.line(({ tries }) => tries === 4)
  assert.ok(linesWith(rr, 'the port is taken') <= 2, rr.text())
  assert.equal(linesWith(rr, waits), 0)
})
