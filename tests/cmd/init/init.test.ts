import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { missing, projectFolder, rrCommand } from '../../helpers/project.js'
import { testFolder } from '../../helpers/rr.js'

function rr(folder: string, words: readonly string[]) {
  const run = spawnSync(process.execPath, [rrCommand, ...words], { cwd: folder, encoding: 'utf8' })
  return { code: run.status, out: run.stdout, err: run.stderr }
}

const languages = [
  ['node', 'worker.mjs', false],
  ['php', 'worker.php', missing('php')],
  ['python', 'worker.py', missing('python3')],
] as const
for (const [language, worker, skip] of languages) {
  test(`rr init ${language} writes a project whose test passes, and then nothing over it`, {
    skip,
  }, async (t) => {
    const folder = await testFolder(t)
    assert.equal(rr(folder, ['init', language, 'orders']).code, 0)
    const project = join(folder, 'orders')
    assert.deepEqual((await readdir(project)).sort(), ['event.json', 'rr.yaml', 'test.sh', worker].sort())
    assert.equal(rr(project, ['validate']).code, 0)
    const run = spawnSync('./test.sh', { cwd: project, encoding: 'utf8' })
    assert.equal(run.status, 0, run.stdout + run.stderr)
    assert.match(run.stdout, /ok: the event is answered/)
    await writeFile(join(project, worker), 'mine')
    const again = rr(project, ['init', language])
    assert.equal(again.code, 1)
    assert.match(
      again.err,
      new RegExp(
        `rr: RR_PROJECT_FILES: rr\\.yaml.*${worker}.* exist in .*: nothing was written\n    Name another`,
      ),
    )
    assert.equal(await readFile(join(project, worker), 'utf8'), 'mine')
  })
}

test('rr init names the package that the project has installed, and chooses the language by its files', async (t) => {
  const folder = await testFolder(t)
  await mkdir(join(folder, 'node_modules'))
  await symlink(projectFolder, join(folder, 'node_modules/relayrunner'))
  await writeFile(join(folder, 'composer.json'), '{}')
  assert.equal(rr(folder, ['init']).code, 0)
  const worker = await readFile(join(folder, 'worker.php'), 'utf8')
  assert.match(worker, /require __DIR__ \. '\/node_modules\/relayrunner\/workers\/php\/autoload\.php'/)
  assert.match(
    await readFile(join(folder, 'rr.yaml'), 'utf8'),
    /^# yaml-language-server: \$schema=node_modules\/relayrunner\/dist\/rr\.schema\.json\n/,
  )
})

test('rr init says which language it chose and why, and leaves a worker that is there', async (t) => {
  const folder = await testFolder(t)
  await writeFile(join(folder, 'requirements.txt'), '')
  await writeFile(join(folder, 'worker.py'), 'mine')
  const { code, err } = rr(folder, ['init'])
  assert.equal(code, 0, err)
  assert.match(
    err,
    /^rr: python, since there is a requirements\.txt; `rr init php\|node\|python\|laravel` chooses$/m,
  )
  assert.match(err, /^worker\.py was there and is left as it is: the new worker is rr-worker\.py\./m)
  assert.equal(await readFile(join(folder, 'worker.py'), 'utf8'), 'mine')
  assert.match(await readFile(join(folder, 'rr.yaml'), 'utf8'), /command: "python3 rr-worker\.py"/)
  assert.match(rr(await testFolder(t), ['init']).err, /^rr: node, since no file here tells another language/)
})

test('rr init writes no rr.yaml beside .rr.yaml, and commands say which of the two they read', async (t) => {
  const folder = await testFolder(t)
  const text = 'version: "3"\nserver: { command: "php worker.php" }\n'
  await writeFile(join(folder, '.rr.yaml'), text)
  const refused = rr(folder, ['init', 'php'])
  assert.equal(refused.code, 1)
  assert.match(
    refused.err,
    /^rr: RR_PROJECT_FILES: \.rr\.yaml exists in .*: nothing was written\n {4}`rr serve` runs/,
  )
  assert.deepEqual(await readdir(folder), ['.rr.yaml'])
  await writeFile(join(folder, 'rr.yaml'), text)
  const says = 'rr: reading rr.yaml; .rr.yaml beside it is not read (-c .rr.yaml reads that)'
  for (const words of [['workers'], ['schema'], ['config', 'show']])
    assert.deepEqual(rr(folder, words).err.split(says).length, 2, words.join(' '))
  for (const words of [['schema', '-c', '.rr.yaml'], ['schema', '-s'], ['version']])
    assert.ok(!rr(folder, words).err.includes(says), words.join(' '))
})

test('rr init laravel writes the configuration of an application, and names the steps that are left', {
  skip: missing('php'),
}, async (t) => {
  const folder = await testFolder(t)
  await writeFile(join(folder, 'artisan'), '')
  const made = rr(folder, ['init', 'laravel'])
  assert.equal(made.code, 0)
  assert.match(made.err, /composer require relayrunner\/laravel/)
  assert.equal(rr(folder, ['validate']).code, 0)
  assert.match(await readFile(join(folder, 'rr.yaml'), 'utf8'), /php artisan relayrunner:work/)
})

test('rr init refuses what it does not know', async (t) => {
  const folder = await testFolder(t)
  const typo = rr(folder, ['init', 'pythn'])
  assert.equal(typo.code, 2)
  assert.match(
    typo.err,
    /^rr: RR_USAGE: rr init takes .*, not "pythn"\n {4}Did you mean `rr init python`\?\n$/,
  )
  const laravel = rr(folder, ['init', 'laravel'])
  assert.equal(laravel.code, 1)
  assert.match(laravel.err, /RR_PROJECT_FILES: .* has no artisan/)
  assert.deepEqual(await readdir(folder), [])
})
