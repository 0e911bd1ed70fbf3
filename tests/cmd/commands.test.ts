import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { rrCommand } from '../helpers/project.js'
import { lambdaConfig, type RunningRr, started, startRr, testFolder, workerText } from '../helpers/rr.js'

function rr(folder: string, words: readonly string[], input = '') {
  const run = spawnSync(process.execPath, [rrCommand, ...words], { cwd: folder, encoding: 'utf8', input })
  return { code: run.status, out: run.stdout, err: run.stderr }
}

test('a wrong command, option or argument exits 2 and says so', async (t) => {
  const folder = await testFolder(t)
  for (const words of [['wokers'], ['serve', '--nope'], ['invoke', '--sqs', 'many'], ['serve', '-c']]) {
    const { code, out, err } = rr(folder, words)
    assert.equal(code, 2, words.join(' '))
    assert.equal(out, '')
    assert.notEqual(err, '')
  }
})

test('a file that cannot be read is wrong usage, told with its reason', async (t) => {
  const folder = await testFolder(t)
  for (const words of [
    ['invoke', 'nofile.json'],
    ['invoke', '.'],
    ['send', 'nofile.json'],
  ]) {
    const { code, err } = rr(folder, words)
    assert.equal(code, 2, words.join(' '))
    assert.match(err, /^rr: RR_USAGE: cannot read (nofile.json|\.): E\w+: [^\n]*\n( {4}[^\n]*\n)?$/)
  }
})

test('help and version exit 0', async (t) => {
  const folder = await testFolder(t)
  assert.match(rr(folder, ['--help']).out, /rr invoke --sqs 10/)
  assert.match(rr(folder, ['--version']).out, /^rr version 2025\.1\.9 \(relayrunner \d+\.\d+\.\d+\)\n$/)
  assert.equal(rr(folder, ['serve', '--help']).code, 0)
})

test('validate prints every fault on standard error and exits 78, or 0 without one', async (t) => {
  const folder = await testFolder(t)
  await writeFile(
    join(folder, 'rr.yaml'),
    'version: "3"\nlambda: { mod: raw }\nlogs: { level: loud }\nemulator: {}\n',
  )
  const { code, out, err } = rr(folder, ['validate'])
  assert.deepEqual([code, out], [78, ''])
  assert.deepEqual(
    err
      .trimEnd()
      .split('\n')
      .map((line) => line.split(' ')[0]),
    ['rr.yaml:2:11:', 'rr.yaml:3:16:'],
  )
  const json = JSON.parse(rr(folder, ['validate', '--json']).out)
  assert.deepEqual([json.valid, json.problems.length, json.problems[0].line], [false, 2, 2])
  await writeFile(
    join(folder, 'rr.yaml'),
    `version: "3"\nserver: { command: "${workerText('who')}" }\nlambda: {}\n`,
  )
  const valid = rr(folder, ['validate'])
  assert.deepEqual([valid.code, valid.out], [0, ''])
  assert.match(
    valid.err,
    /^rr\.yaml:3:\d+: note: .*RR_NOTHING_TO_PULL.*\nrr\.yaml is valid: 1 pool, no plugins\n$/,
  )
  const noted = rr(folder, ['validate', '--json'])
  const told = JSON.parse(noted.out)
  assert.deepEqual([noted.code, noted.err, told.valid], [0, '', true])
  assert.deepEqual([told.problems.length, told.problems[0].severity], [1, 'note'])
})

test('a missing file says which places were looked at: 78', async (t) => {
  const { code, err } = rr(await testFolder(t), ['validate'])
  assert.equal(code, 78)
  assert.match(err, /rr\.yaml.*\.rr\.yaml/)
})

test('a reader that closes the pipe early ends a command without a fault', async (t) => {
  const child = spawn(process.execPath, [rrCommand, 'schema'], { cwd: await testFolder(t) })
  child.stdout.destroy()
  let err = ''
  child.stderr.on('data', (bytes) => {
    err += String(bytes)
  })
  const [code]: unknown[] = await once(child, 'close')
  assert.deepEqual([code, err], [0, ''])
})

test('schema prints a JSON Schema', async (t) => {
  const { code, out } = rr(await testFolder(t), ['schema'])
  assert.equal(code, 0)
  assert.ok(JSON.parse(out).properties.lambda.properties.mode)
})

test('commands without a server exit 1 and say how to start one', async (t) => {
  const folder = await testFolder(t)
  await writeFile(join(folder, 'rr.yaml'), 'version: "3"\n')
  for (const words of [['workers'], ['workers', '--json'], ['pools'], ['reset'], ['stop'], ['plugins']]) {
    const { code, out, err } = rr(folder, words)
    assert.deepEqual([code, out], [1, ''], words.join(' '))
    assert.match(err, /RR_NOT_RUNNING[\s\S]*rr serve/)
  }
})

async function serve(t: Parameters<typeof startRr>[0], worker: string): Promise<RunningRr> {
  const running = await startRr(t, ['serve'], { config: lambdaConfig(workerText(worker)) })
  await started(running)
  return running
}

test('workers --json is one document in the shape of the contract', async (t) => {
  const { folder } = await serve(t, 'who')
  const { code, out } = rr(folder, ['workers', '--json'])
  assert.equal(code, 0)
  const rows = JSON.parse(out)
  assert.equal(rows.length, 2)
  assert.deepEqual(Object.keys(rows[0]), ['pool', 'pid', 'state', 'jobs', 'memory_bytes', 'created_at'])
  assert.deepEqual([rows[0].pool, rows[0].state, rows[0].jobs], ['lambda', 'idle', 0])
  assert.ok(rows[0].memory_bytes > 1e6)
  assert.match(rows[0].created_at, /^\d{4}-\d\d-\d\dT[\d:.]+Z$/)
  assert.match(rr(folder, ['workers']).out, /^Workers of \[lambda\]:\nPID +STATUS +JOBS +MEMORY +CREATED\n/)
})

test('pools says how each pool is, as a table and as one document', async (t) => {
  const { folder } = await serve(t, 'who')
  const [row] = JSON.parse(rr(folder, ['pools', '--json']).out)
  const { memory_bytes: memoryBytes, ...rest } = row
  assert.deepEqual(rest, {
    pool: 'lambda',
    size: 2,
    live: 2,
    idle: 2,
    busy: 0,
    waiting: 0,
    oldest_wait_ms: 0,
    restarts: 0,
    degraded: null,
  })
  assert.ok(memoryBytes > 1e6)
  const { out, err } = rr(folder, ['pools'])
  assert.match(out, /^POOL +STATE +SIZE.*\nlambda +ok +2 +2 +2 +0 +0 +0 /)
  assert.equal(err, '')
})

test('a degraded pool is told of by pools and, on standard error, by workers', async (t) => {
  const folder = await testFolder(t)
  const mark = join(folder, 'mark')
  const config = [
    'version: "3"',
    'pools:',
    `  fine: { num_workers: 1, command: "${workerText('who')}" }`,
    `  sick: { num_workers: 1, command: "${workerText('fails-boot', mark)}", crash_loop: { deaths: 1 } }`,
    '',
  ].join('\n')
  const running = await startRr(t, ['serve'], { folder, config })
  await running.line((line) => /the pool is degraded/.test(line.message))
  const rows = JSON.parse(rr(folder, ['pools', '--json']).out)
  const sick = rows.find((row: { pool: string }) => row.pool === 'sick')
  assert.ok(sick.degraded.recent_deaths >= 2)
  assert.match(sick.degraded.why, /cannot reach the database/)
  assert.match(rr(folder, ['pools']).out, /sick +degraded +1 +0 /)
  const { out, err } = rr(folder, ['workers', '--json'])
  assert.equal(JSON.parse(out).length, 1)
  assert.match(err, /^pool sick has been degraded for \d+ s, \d+ workers died: .*cannot reach the database/)
})

test('reset replaces every worker and an unknown pool is a fault', async (t) => {
  const { folder } = await serve(t, 'who')
  const pids = () => JSON.parse(rr(folder, ['workers', '--json']).out).map((row: { pid: number }) => row.pid)
  const before = pids()
  assert.equal(rr(folder, ['reset', 'lambda']).code, 0)
  assert.deepEqual(
    pids().filter((pid: number) => before.includes(pid)),
    [],
  )
  const { code, err } = rr(folder, ['reset', 'nowhere'])
  assert.equal(code, 1)
  assert.match(err, /no pool "nowhere"/)
})

test('stop returns when the server has gone, also when its parent has not asked for its exit code', async (t) => {
  const running = await serve(t, 'who')
  assert.equal(rr(running.folder, ['stop']).code, 0)
  assert.equal(await running.ended, 0)
})

test('invoke finds the emulator of the running server, and exits 1 when the function failed', async (t) => {
  const { folder } = await serve(t, 'by-body')
  const good = rr(folder, ['invoke', '-', '--json'], 'anything')
  assert.deepEqual([good.code, good.out], [0, '"ok"\n'])
  const failed = rr(folder, ['invoke', '-', '--json'], 'error')
  assert.equal(failed.code, 1)
  assert.equal(JSON.parse(failed.out).errorType, 'RR.JobFailed')
  const batch = rr(folder, ['invoke', '--sqs', '10', '--json'])
  assert.deepEqual([batch.code, batch.out], [0, '{"batchItemFailures":[]}\n'])
  const bad = rr(folder, ['invoke', '-', '--sqs', '2', '--fifo', '--json'], 'error')
  assert.deepEqual([bad.code, JSON.parse(bad.out).batchItemFailures.length], [0, 2])
  const nowhere = rr(folder, ['invoke', '--address', '127.0.0.1:1'])
  assert.equal(nowhere.code, 1)
  assert.match(nowhere.err, /no emulator answers on 127\.0\.0\.1:1/)
})

test('options before and after the command are one', async (t) => {
  const folder = await testFolder(t)
  await writeFile(join(folder, 'other.yaml'), 'version: "3"\n')
  assert.equal(rr(folder, ['-c', 'other.yaml', 'validate']).code, 0)
  assert.equal(rr(folder, ['validate', '-c', 'other.yaml', '-o', 'logs.level=loud']).code, 78)
})

test('dev sees a change that comes as soon as it says that it waits for one', async (t) => {
  const folder = await testFolder(t)
  // The deepest folder is watched last.
  const deepest = join(folder, ...Array.from({ length: 300 }, () => 'd'))
  await mkdir(deepest, { recursive: true })
  const config = 'version: "3"\nserver: { command: "false" }\nlambda: { pool: { num_workers: 1 } }\n'
  const running = await startRr(
    t,
    ['dev', '-o', 'emulator.address=127.0.0.1:0', '-o', 'logs.encoding=json'],
    {
      folder,
      config,
    },
  )
  await running.line(
    (line) => line.message === 'no worker could boot: waiting for a file change (or `rr reset`)',
  )
  await writeFile(join(deepest, 'app.mjs'), '')
  await running.line((line) => line.message === 'a file changed, restarting the workers')
})

test('dev restarts the workers when a file changes, and outlives workers that cannot boot', async (t) => {
  const folder = await testFolder(t)
  await writeFile(join(folder, 'app.mjs'), 'process.stderr.write("broken\\n"); process.exit(1)')
  const config = `version: "3"\nserver: { command: "${process.execPath} app.mjs" }\nlambda: { pool: { num_workers: 1 } }\nemulator: { address: "127.0.0.1:0" }\nlogs: { encoding: json }\n`
  const running = await startRr(t, ['dev', '-o', 'logs.encoding=json'], { folder, config })
  await running.line(
    (line) => line.message === 'no worker could boot: waiting for a file change (or `rr reset`)',
  )
  const { fixture } = await import('../helpers/project.js')
  await writeFile(join(folder, 'app.mjs'), `import '${fixture('workers', 'echo.mjs')}'\n`)
  await running.line((line) => line.message === 'a file changed, restarting the workers')
  const { eventually } = await import('../helpers/wait.js')
  await eventually(() => {
    const out = rr(folder, ['workers', '--json']).out
    return JSON.parse(out === '' ? '[]' : out).some((row: { state: string }) => row.state === 'idle')
  })
  assert.deepEqual(rr(folder, ['invoke', '-', '--json'], '7').out, '7\n')
})
