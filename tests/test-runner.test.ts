import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { projectFolder } from './helpers/project.js'

const passing = "import { test } from 'node:test'\ntest('passes', () => {})\n"
const failing = "import { test } from 'node:test'\ntest('fails', () => { throw new Error('broken') })\n"
const failingOnce = `import { existsSync, writeFileSync } from 'node:fs'
import { test } from 'node:test'
test('loses a race', () => {
  if (existsSync('seen')) return
  writeFileSync('seen', '')
  throw new Error('too late')
})
`

/** Runs `scripts/test.mjs` over a project with these test files, by name; returns its exit code and what it wrote. */
function runTests(context: TestContext, files: Record<string, string>, others: Record<string, string> = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'rr-test-runner-'))
  context.after(() => rmSync(folder, { recursive: true, force: true }))
  mkdirSync(join(folder, 'scripts'))
  mkdirSync(join(folder, 'build/tests'), { recursive: true })
  for (const script of ['test.mjs', 'failed-tests.mjs'])
    copyFileSync(join(projectFolder, 'scripts', script), join(folder, 'scripts', script))
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }')
  for (const [path, text] of Object.entries(others)) writeFileSync(join(folder, path), text)
  for (const [name, text] of Object.entries(files))
    writeFileSync(join(folder, `build/tests/${name}.test.js`), text)
  const { NODE_TEST_CONTEXT: _, CI: __, ...env } = process.env
  const run = spawnSync(process.execPath, ['scripts/test.mjs'], { cwd: folder, env, encoding: 'utf8' })
  return { code: run.status, stderr: run.stderr }
}

test('a failed test is named at the end, and fails the run when it fails by itself, too', (context) => {
  const { code, stderr } = runTests(context, { a: passing, b: failing })
  assert.equal(code, 1)
  assert.match(stderr, /^failed \(1\):\n {2}build\/tests\/b\.test\.js: fails\n {4}Error: broken/m)
  assert.match(stderr, /^failed again \(1\):/m)
})

test('a test that passes by itself is printed as a race', (context) => {
  const { code, stderr } = runTests(context, { a: passing, b: failingOnce })
  assert.equal(code, 0)
  assert.match(stderr, /^passed only when run by itself[^\n]*:\n {2}build\/tests\/b\.test\.js: loses a race/m)
})

test('nothing runs again when three files fail', (context) => {
  const { code, stderr } = runTests(context, { a: passing, b: failingOnce, c: failing, d: failing })
  assert.equal(code, 1)
  assert.match(stderr, /^failed \(3\):/m)
  assert.doesNotMatch(stderr, /once more/)
})

test('a failure within a module that is not a test file fails the run', (context) => {
  const suite =
    "import { test } from 'node:test'\nexport const define = () => test('a case', () => { throw new Error('x') })\n"
  const { code, stderr } = runTests(
    context,
    { a: passing, b: "import { define } from '../suite.js'\ndefine()\n" },
    { 'build/suite.js': suite },
  )
  assert.equal(code, 1)
  assert.doesNotMatch(stderr, /once more/)
})
