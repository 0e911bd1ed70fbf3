import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { loadConfig } from '../../config/load.js'
import { ErrorCode, hasCode } from '../../src/core/errors.js'
import { plain } from '../../src/schema/tree.js'
import { installPacked } from '../helpers/installed.js'
import { projectFolder, rrCommand } from '../helpers/project.js'
import { testFolder } from '../helpers/rr.js'

async function load(folder: string, name: string, text: string) {
  const file = join(folder, name)
  await writeFile(file, text)
  const loaded = await loadConfig({
    file,
    cwd: folder,
    env: { WORKERS: '9' },
    overrides: ['lambda.mode=event'],
  })
  const values = Object.fromEntries([...loaded.entries].map(([key, { value }]) => [key, plain(value)]))
  return { values, problems: loaded.problems.map(({ at, what }) => `${at.file}: ${what}`) }
}

const forms: readonly (readonly [name: string, text: string])[] = [
  ['a.mjs', 'export default VALUE'],
  ['b.mjs', 'export default () => (VALUE)'],
  ['c.mjs', 'export default Promise.resolve(VALUE)'],
  ['d.cjs', 'module.exports = VALUE'],
]

test('a configuration may be the default export of a module: a value, a function, a promise', async (t) => {
  const folder = await testFolder(t)
  const value =
    "{ version: '3', lambda: { pool: { num_workers: 2 }, skipped: undefined }, env: '${WORKERS}' }"
  for (const [name, text] of forms) {
    const { values, problems } = await load(folder, name, text.replace('VALUE', value))
    const expected = { version: '3', lambda: { pool: { num_workers: 2 }, mode: 'event' }, env: '${WORKERS}' }
    assert.deepEqual(values, expected, name)
    assert.deepEqual(problems, [], name)
  }
})

test('what a module exports is told with the file: nothing, a function inside, a fault of its own', async (t) => {
  const folder = await testFolder(t)
  const none = await load(folder, 'none.mjs', 'export const config = {}')
  assert.deepEqual(none.problems[0], 'none.mjs: the file has no default export')
  const inside = await load(
    folder,
    'in.mjs',
    "export default { version: '3', lambda: { pool: () => 1, at: new Date(0) } }",
  )
  assert.deepEqual(inside.problems, [
    'in.mjs: "lambda.pool" is a function',
    'in.mjs: "lambda.at" is a class instance',
  ])
  await assert.rejects(load(folder, 'throws.mjs', 'throw new Error("no database")'), (error) => {
    assert.match(String(error), /throws\.mjs cannot be loaded: no database/)
    return hasCode(error, ErrorCode.ConfigNotFound)
  })
})

test('rr reads rr.config.mjs by -c, with faults of its values named by their keys', async (t) => {
  const folder = await testFolder(t)
  const config = "export default { version: '3', lambda: { pool: { num_workers: 'lots' } } }"
  await writeFile(join(folder, 'rr.config.mjs'), config)
  const words = ['validate', '-c', 'rr.config.mjs']
  const run = spawnSync(process.execPath, [rrCommand, ...words], { cwd: folder, encoding: 'utf8' })
  assert.equal(run.status, 78)
  assert.match(
    run.stderr,
    /^rr\.config\.mjs:1:1: "lambda\.pool\.num_workers": "lots", expected a whole number/,
  )
})

const typed: readonly (readonly [config: string, isRight: boolean])[] = [
  ["{ version: '3', lambda: { pool: { num_workers: 'auto' } }, mine: { anything: 1 } }", true],
  ["{ version: '3', lambda: { pool: 'shared' }, pools: { shared: { num_workers: 2 } } }", true],
  ["{ version: '3', jobs: { pipelines: { a: { driver: 'memory', config: { prio: 10 } } } } }", false],
  ["{ version: '3', lambda: { pool: { num_worker: 2 } } }", false],
  ["{ version: '3', lambda: { mode: 'rw' } }", false],
  ['{ lambda: {} }', false],
]

test('the packed types check a configuration key by key', async (t) => {
  const folder = await testFolder(t)
  await installPacked(folder)
  const tsc = join(projectFolder, 'node_modules/typescript/bin/tsc')
  const names = typed.map((_, at) => `config-${at}.ts`)
  for (const [at, [config]] of typed.entries())
    await writeFile(
      join(folder, names[at] ?? ''),
      `import { defineConfig } from 'relayrunner'\nexport default defineConfig(${config})\n`,
    )
  await writeFile(join(folder, 'package.json'), '{"type":"module"}')
  const flags = ['--noEmit', '--strict', '--module', 'nodenext', '--target', 'es2023', '--skipLibCheck']
  const run = spawnSync(process.execPath, [tsc, ...flags, ...names], { cwd: folder, encoding: 'utf8' })
  const wrong = new Set([...run.stdout.matchAll(/config-(\d+)\.ts\(/g)].map(([, at]) => Number(at)))
  const expected = typed.flatMap(([, isRight], at) => (isRight ? [] : [at]))
  assert.deepEqual([...wrong].sort(), expected, run.stdout)
})
