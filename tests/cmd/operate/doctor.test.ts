/** Tests `rr doctor` and its bundle, with and without a running server. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import type { Diagnosis } from '../../../cmd/operate/finding.js'
import { rr } from '../../helpers/command.js'
import { fixture, missing } from '../../helpers/project.js'
import { invoke, lambdaConfig, started, startRr, testFolder, workerText } from '../../helpers/rr.js'

async function examined(folder: string, words: readonly string[] = [], env = {}) {
  const run = await rr(folder, ['doctor', '--json', ...words], env)
  const { findings, faults, warnings }: { findings: readonly Diagnosis[]; faults: number; warnings: number } =
    JSON.parse(run.out)
  const about = (name: string) => findings.filter((one) => one.about === name)
  return { ...run, findings, faults, warnings, about }
}

test('rr doctor without a file looks at the machine', async (t) => {
  const { code, faults, about } = await examined(await testFolder(t))
  assert.deepEqual([code, faults], [0, 0])
  assert.equal(about('node')[0]?.what, process.versions.node)
  for (const name of ['processors', 'memory', 'ulimit -n', 'ulimit -u', '/tmp', 'FIFOs', '/bin/sh'])
    assert.equal(about(name).length, 1, name)
  assert.equal(about('rr.yaml')[0]?.grade, 'note')
  assert.match(about('server')[0]?.what ?? '', /none runs/)
})

test('rr doctor says what each setting that will hurt leads to, and what to do', async (t) => {
  const folder = await testFolder(t)
  writeFileSync(
    join(folder, 'rr.yaml'),
    `version: "3"
server: { command: "${workerText('echo')}" }
logs: { level: debug }
rpc: { listen: "tcp://0.0.0.0:6001", allow_remote: true }
jobs:
  consume: [mail]
  pool: { num_workers: 999, destroy_timeout: 120s, supervisor: { max_worker_memory: 100000 } }
  pipelines: { mail: { driver: memory } }
`,
  )
  const { code, about, findings, warnings } = await examined(folder)
  assert.equal(code, 0)
  assert.match(about('memory')[0]?.what ?? '', /999 workers may use 99900000 MB/)
  assert.equal(about('memory')[0]?.grade, 'warn')
  assert.equal(about('logs.level')[0]?.grade, 'note')
  assert.equal(about('rpc.allow_remote')[0]?.grade, 'warn')
  const endless = findings.filter(({ what }) => /retry\.max.* not set: a job of mail /.test(what))
  assert.deepEqual(
    endless.map(({ grade, about: place }) => [grade, place]),
    [['note', 'rr.yaml:8:16']],
  )
  const pool = about('pool jobs').map(({ what }) => what)
  assert.match(pool.join('\n'), /999 workers on \S+ processors/)
  assert.match(pool.join('\n'), /exec_ttl is 0s/)
  assert.match(pool.join('\n'), /destroy_timeout is 120s: Kubernetes/)
  assert.ok(!pool.join('\n').includes('leaks'))
  assert.equal(about('status').length, 1)
  assert.equal(warnings, findings.filter(({ grade }) => grade === 'warn').length)
  for (const { grade, todo } of findings) if (grade !== 'ok') assert.ok(todo)
})

test('rr doctor exits with 1 for a file that does not start, and names the places', async (t) => {
  const folder = await testFolder(t)
  writeFileSync(
    join(folder, 'rr.yaml'),
    'version: "3"\nserver: { command: "nowhere x" }\npools: { a: {} }\nhtpp: {}\n',
  )
  const { code, findings, faults } = await examined(folder)
  assert.equal(code, 1)
  assert.equal(faults, 2)
  const text = JSON.stringify(findings)
  assert.match(text, /rr\.yaml:4:1/)
  assert.match(text, /nowhere/)
  const missingFile = await rr(folder, ['doctor', '-c', 'other.yaml'])
  assert.equal(missingFile.code, 1)
  assert.match(missingFile.out, /^FAULT rr\.yaml .+other\.yaml/m)
})

test('rr doctor asks PHP and Python of the workers, with their own options', {
  skip: missing('php') || missing('python3'),
}, async (t) => {
  const folder = await testFolder(t)
  const php = `php -d memory_limit=-1 ${fixture('sdk', 'echo.php')}`
  const python = `python3 ${fixture('sdk', 'echo.py')}`
  writeFileSync(
    join(folder, 'rr.yaml'),
    `version: "3"\nserver: { command: "${php}" }\npools: { a: {}, b: { command: "${python}" } }\n`,
  )
  const { about, code } = await examined(folder)
  assert.equal(code, 0)
  assert.match(about('php')[0]?.what ?? '', /^php -d memory_limit=-1: 8\.\d+\.\d+/)
  assert.match(JSON.stringify(about('php')), /memory_limit is -1/)
  assert.match(about('python')[0]?.what ?? '', /^python3: 3\.\d+\.\d+/)
})

test('the bundle of a running server holds what it answers and no secret', async (t) => {
  const env = { APP_SECRET: 'from the environment' }
  const config = lambdaConfig(workerText('talks'), { count: 1 })
  const server = await startRr(t, ['serve'], {
    config: config.replace('" }', '", env: { TOKEN: from-env-of-file } }'),
    env,
  })
  await started(server)
  await invoke(server, 2)
  await server.line((line) => line.message === 'line 1')
  const run = await rr(server.folder, ['doctor', '--bundle', 'support.tar.gz'], env)
  assert.equal(run.code, 0, run.err)
  assert.match(run.err, /^wrote support\.tar\.gz: README\.txt, /)
  const file = join(server.folder, 'support.tar.gz')
  assert.equal(statSync(file).mode & 0o777, 0o600)
  const list = execFileSync('tar', ['tzf', file], { encoding: 'utf8' }).trimEnd().split('\n')
  const names = [
    'README.txt',
    'doctor.json',
    'versions.json',
    'environment.txt',
    'config.yaml',
    'status.json',
  ]
  const more = ['pools.json', 'workers.json', 'plugins.json', 'ledger.json', 'log.jsonl']
  assert.deepEqual(
    list,
    [...names, ...more].map((name) => `relayrunner-doctor/${name}`),
  )
  const all = execFileSync('tar', ['xOzf', file], { encoding: 'utf8' })
  assert.match(all, /^APP_SECRET$/m)
  assert.ok(!/from the environment|from-env-of-file/.test(all))
  assert.match(all, /"message":"line 1"/)
  // It overwrites nothing.
  const again = await rr(server.folder, ['doctor', '--bundle', 'support.tar.gz'])
  assert.deepEqual([again.code, /cannot be written: .*EEXIST/.test(again.err)], [1, true])
  const without = await rr(server.folder, ['doctor', '--bundle', 'b.tgz', '--no-log'])
  assert.ok(without.code === 0 && !without.err.includes('log.jsonl'))
})
