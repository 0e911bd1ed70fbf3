import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { stubNpm, tarballOnce } from './helpers/installed.js'
import { missing, projectFolder } from './helpers/project.js'
import { testFolder } from './helpers/rr.js'

const program = join(projectFolder, 'create-relayrunner/index.mjs')
const dependencies = join(projectFolder, 'node_modules')

function create(folder: string, words: readonly string[], bin = '') {
  const env = { ...process.env, PATH: `${bin}:${process.env.PATH}` }
  const run = spawnSync(process.execPath, [program, ...words], { cwd: folder, encoding: 'utf8', env })
  return { code: run.status, out: run.stdout, err: run.stderr }
}

// Four times of what the README promises: the machine may be busy, and these are whole starts of programs.
const firstSuccessMsMax = 4 * 60_000

const languages = [
  ['node', false],
  ['php', missing('php')],
  ['python', missing('python3')],
] as const
for (const [language, skip] of languages) {
  test(`npm create relayrunner ${language} leads to an answered batch within a minute`, {
    skip,
  }, async (t) => {
    const folder = await testFolder(t)
    const bin = await stubNpm(folder, dependencies)
    const tarball = await tarballOnce()
    const startedAt = performance.now()
    const made = create(folder, [language, 'orders', '--package', tarball], bin)
    assert.equal(made.code, 0, made.err)
    assert.match(made.err, /next: cd orders\n +npx relayrunner dev/)
    assert.match(await readFile(join(folder, 'npm-words'), 'utf8'), /^install .*\.tgz$/m)
    const project = join(folder, 'orders')
    const server = spawn(process.execPath, [
      join(project, 'node_modules/relayrunner/dist/cmd/rr.js'),
      ...['dev', '-c', join(project, 'rr.yaml'), '-o', 'emulator.address=127.0.0.1:0'],
    ])
    t.after(() => server.kill('SIGKILL'))
    let text = ''
    server.stderr.on('data', (chunk) => {
      text += String(chunk)
    })
    while (!text.includes('ready: lambda')) await once(server.stderr, 'data')
    const rr = (...words: string[]) =>
      spawnSync(process.execPath, [join(project, 'node_modules/relayrunner/dist/cmd/rr.js'), ...words], {
        cwd: project,
        encoding: 'utf8',
      })
    const invoked = rr('invoke', '--sqs', '3', '--json')
    const tookMs = performance.now() - startedAt
    assert.equal(invoked.stdout, '{"batchItemFailures":[]}\n', invoked.stderr)
    t.diagnostic(`${Math.round(tookMs)} ms to the first success`)
    assert.ok(tookMs < firstSuccessMsMax, `${tookMs} ms`)
    assert.equal(rr('stop').status, 0)
    const test = spawnSync('./test.sh', { cwd: project, encoding: 'utf8' })
    assert.equal(test.status, 0, test.stdout + test.stderr)
  })
}

test('npm create relayrunner writes over nothing, and says what to do instead', async (t) => {
  const folder = await testFolder(t)
  await mkdir(join(folder, 'orders'))
  await writeFile(join(folder, 'orders/rr.yaml'), 'mine')
  const taken = create(folder, ['node', 'orders'])
  assert.equal(taken.code, 1)
  assert.match(taken.err, /rr\.yaml in .*orders: nothing was written\n {4}Name another folder/)
  assert.deepEqual(await readdir(join(folder, 'orders')), ['rr.yaml'])
  const unknown = create(folder, ['perl'])
  assert.equal(unknown.code, 2)
  assert.match(unknown.err, /"perl" is none of php, node, python\n {4}For example/)
})

test('create-relayrunner has the version of the package that it installs', async () => {
  const own = JSON.parse(await readFile(join(projectFolder, 'create-relayrunner/package.json'), 'utf8'))
  const ours = JSON.parse(await readFile(join(projectFolder, 'package.json'), 'utf8'))
  assert.equal(own.version, ours.version)
})
