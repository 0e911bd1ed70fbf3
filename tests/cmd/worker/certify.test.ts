import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { test } from 'node:test'
import { laravelApp, noLaravel } from '../../helpers/laravel.js'
import { fixture, rrCommand } from '../../helpers/project.js'
import { testFolder } from '../../helpers/rr.js'

const hasSymfony = existsSync('/usr/share/php/Symfony/Bundle/FrameworkBundle/autoload.php')
const noSymfony =
  process.env.CI === undefined && !hasSymfony ? 'php-symfony-framework-bundle is not installed' : false

function certify(words: readonly string[], env: Readonly<Record<string, string>> = {}) {
  const run = spawnSync(process.execPath, [rrCommand, 'worker', 'certify', '--json', '--', ...words], {
    encoding: 'utf8',
    env: { ...process.env, ...env },
  })
  const cases: readonly { readonly case: string; readonly ok: boolean; readonly why?: string }[] = JSON.parse(
    run.stdout,
  )
  return { code: run.status, faults: cases.filter(({ ok }) => !ok) }
}

const workers: readonly (readonly [name: string, words: readonly string[]])[] = [
  ['Node', [process.execPath, fixture('sdk', 'certified.mjs')]],
  ['PHP', ['php', fixture('sdk', 'certified.php')]],
  ['Python', ['python3', fixture('sdk', 'certified.py')]],
]
for (const [name, words] of workers)
  test(`a worker of the ${name} SDK is certified`, () => {
    assert.deepEqual(certify(words), { code: 0, faults: [] })
  })

test('the worker of relayrunner/laravel is certified', { skip: noLaravel }, async (t) => {
  const app = laravelApp(await testFolder(t))
  assert.deepEqual(certify(app.command.split(' '), app.env), { code: 0, faults: [] })
})

test('the worker of relayrunner/symfony is certified', { skip: noSymfony }, async (t) => {
  const env = { APP_BASE: await testFolder(t) }
  const console = fixture('symfony', 'console')
  assert.deepEqual(certify(['php', console, 'relayrunner:consume'], env), { code: 0, faults: [] })
})

test('a worker’s faults are named', () => {
  const answer = (name: string) => certify([process.execPath, fixture('workers', `${name}.mjs`)])
  const noOption = answer('no-option')
  assert.equal(noOption.code, 1)
  assert.match(noOption.faults[0]?.why ?? '', /an answer has one option/)
  const deaf = certify(['sh', '-c', 'echo hello; exit 3'])
  assert.match(deaf.faults[0]?.why ?? '', /it did not answer the request for its pid/)
  const missing = certify(['/nowhere/program'])
  assert.match(missing.faults[0]?.why ?? '', /ENOENT/)
})
