import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { chmodSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { preparedNames } from '../../../cmd/start/prepared.js'
import { version } from '../../../cmd/version.js'
import { startBootstrap } from '../../helpers/bootstrap.js'
import { rrCommand, shippedFolder } from '../../helpers/project.js'
import { lambdaConfig, type RunningRr, testFolder, workerText } from '../../helpers/rr.js'
import { testApi } from '../../helpers/runtime-api.js'

const config = lambdaConfig(workerText('echo'), { more: 'logs: { level: debug }' })

interface Deployment {
  readonly folder: string
  /** Where `rr compile` wrote to. */
  readonly out: string
}

function compile(folder: string, ...words: readonly string[]) {
  return spawnSync(process.execPath, [rrCommand, 'compile', ...words], { cwd: folder, encoding: 'utf8' })
}

async function compiled(t: TestContext): Promise<Deployment> {
  const folder = await testFolder(t)
  writeFileSync(join(folder, 'rr.yaml'), config)
  const out = join(folder, 'compiled')
  const { status, stdout, stderr } = compile(folder, '--out', out)
  assert.equal(status, 0, stderr)
  assert.equal(stdout, `compiled the configuration and the program to ${out}\n`)
  return { folder, out }
}

async function start(t: TestContext, { folder, out }: Deployment): Promise<RunningRr> {
  const rr = await startBootstrap(t, await testApi(t), {
    folder,
    env: { RELAYRUNNER_COMPILED: out },
    command: [process.execPath, rrCommand],
  })
  await rr.line(({ message }) => message === 'server started')
  return rr
}

function cacheIn(out: string): string {
  return readdirSync(out).find((name) => name.startsWith(preparedNames.cache)) ?? ''
}

/** Log lines of the start about the compiled parts. */
function notes(rr: RunningRr): readonly string[] {
  return rr.lines().flatMap(({ logger, message }) => (logger === 'start' ? [message] : []))
}

test('V8 accepts the code cache', async (t) => {
  const rr = await start(t, await compiled(t))
  assert.deepEqual(notes(rr), [
    'workers started early: 1',
    'V8 accepted the code cache',
    'the configuration was compiled',
  ])
})

test('the code cache has the version and the hash of the bundle in its name: V8 compares only the length', async (t) => {
  const { out } = await compiled(t)
  const bundle = readFileSync(join(shippedFolder, 'cmd/bootstrap/main.js'))
  const hash = createHash('sha256').update(bundle).digest('hex').slice(0, 16)
  assert.ok(
    cacheIn(out).startsWith(`${preparedNames.cache}-${version}-${hash}-${process.version}-`),
    cacheIn(out),
  )
})

test('what was compiled is not used where others may write, when it is broken, and when the file changed', async (t) => {
  const deployment = await compiled(t)
  const { folder, out } = deployment
  const cache = join(out, cacheIn(out))
  chmodSync(cache, 0o644)
  writeFileSync(cache, readFileSync(cache).subarray(0, 1000))
  writeFileSync(join(folder, 'rr.yaml'), config.replace('num_workers: 2', 'num_workers: 1'))
  const broken = await start(t, deployment)
  assert.deepEqual(notes(broken), ['V8 rejected the code cache', 'the configuration was read from its files'])
  const line = broken.lines().find(({ message }) => message === 'server started')
  assert.match(JSON.stringify(line?.pools), /"size":1/)
  broken.child.kill('SIGTERM')
  await broken.ended
  chmodSync(out, 0o775)
  const open = await start(t, deployment)
  assert.deepEqual(notes(open).slice(0, 2), [
    `${out} is not used: others may write to it`,
    `${out} is not used: others may write to it`,
  ])
})

test('a start without anything compiled says so at debug only', async (t) => {
  const folder = await testFolder(t)
  writeFileSync(join(folder, 'rr.yaml'), config)
  const rr = await start(t, { folder, out: join(folder, 'none') })
  assert.match(notes(rr)[0] ?? '', /none.* is not used: ENOENT/)
  assert.ok(rr.lines().every(({ logger, level }) => logger !== 'start' || level === 'debug'))
})

test('rr compile: only we may write its files; 78 on a faulty file, 1 on a folder that cannot be made', async (t) => {
  const { folder, out } = await compiled(t)
  for (const path of [out, ...readdirSync(out).map((name) => join(out, name))])
    assert.equal(statSync(path).mode & 0o022, 0, path)
  const other = compile(folder, '--out', join(folder, 'rr.yaml/below'))
  assert.equal(other.status, 1)
  assert.match(other.stderr, /^rr: .*(ENOTDIR|not a directory)/)
  writeFileSync(join(folder, 'rr.yaml'), 'version: "3"\nlambda: { mod: raw }\n')
  const faulty = compile(folder, '--out', out)
  assert.equal(faulty.status, 78)
  assert.match(faulty.stderr, /rr\.yaml:2:11: unknown key "mod"/)
})

test('the compiled configuration may be read by those who may read its files, and by no others', async (t) => {
  const { folder, out } = await compiled(t)
  const mode = () => statSync(join(out, preparedNames.config)).mode & 0o777
  for (const [own, made] of [
    [0o644, 0o444],
    [0o640, 0o440],
    [0o600, 0o400],
  ] as const) {
    chmodSync(join(folder, 'rr.yaml'), own)
    assert.equal(compile(folder, '--out', out).status, 0)
    assert.equal(mode(), made, own.toString(8))
  }
})

test('rr compile leaves the mode of a folder as it is, and refuses one that others may write to', async (t) => {
  const folder = await testFolder(t)
  writeFileSync(join(folder, 'rr.yaml'), config)
  const out = join(folder, 'there')
  mkdirSync(out)
  const modeOf = () => statSync(out).mode & 0o7777
  chmodSync(out, 0o700)
  assert.equal(compile(folder, '--out', out).status, 0)
  assert.equal(modeOf(), 0o700)
  chmodSync(out, 0o1777)
  const { status, stderr } = compile(folder, '--out', out)
  assert.equal(status, 1)
  assert.match(stderr, /^rr: .*there has mode 1777: .* --out/)
  assert.equal(modeOf(), 0o1777)
})
