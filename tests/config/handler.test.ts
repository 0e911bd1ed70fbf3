import assert from 'node:assert/strict'
import { mkdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { handlerCommand } from '../../config/handler.js'
import { parseYaml } from '../../config/yaml/yaml.js'
import { expandHandler, zeroConfig } from '../../config/zero.js'
import { hasCode } from '../../src/core/errors.js'
import { formatProblem, plain } from '../../src/schema/tree.js'
import { testFolder } from '../helpers/rr.js'

const places = { nodeLoader: '/rr/loader.js', pythonFolder: '/rr/python' }

async function folderWith(t: TestContext, files: readonly string[]): Promise<string> {
  const folder = await testFolder(t)
  for (const file of files) {
    await mkdir(dirname(join(folder, file)), { recursive: true })
    await writeFile(join(folder, file), '')
  }
  return folder
}

test('a handler is a script of that name, a module of Node or one of Python, in this order', async (t) => {
  const files = ['worker.php', 'w.py', 'index.mjs', 'both.cjs', 'both.py', 'src/app.py', 'pkg/__init__.py']
  const plain = ['bare', 'tool']
  const packages = ['datadog-lambda-js/dist/handler.mjs', 'wrapper/package.json', 'single.js']
  const installed = packages.map((file) => `node_modules/${file}`)
  const parts = ['lib/far.js', 'lib/near.py', 'dir/index.js']
  const folder = await folderWith(t, [...files, ...parts, ...plain, ...installed])
  const env = { NODE_PATH: join(folder, 'lib'), PYTHONPATH: `${join(folder, 'lib')}:` }
  const kindOf = (handler: string) => {
    const found = handlerCommand(handler, { env, folder, places })
    const kind =
      found?.command[1] === '-m' ? 'python' : found?.command[1] === '/rr/loader.js' ? 'node' : 'script'
    return found === undefined ? undefined : `${kind} ${found.mode}`
  }
  const cases: readonly [handler: string, kind: string | undefined][] = [
    ['worker.php', 'script raw'],
    ['w.py', 'script raw'],
    ['index.mjs', 'script raw'],
    ['index.handler', 'node event'],
    ['./index.handler', 'node event'],
    ['index.handler.deep', 'node event'],
    [`${folder}/index.handler`, 'node event'],
    ['both.handler', 'node event'],
    ['bare.handler', 'node event'],
    ['node_modules/datadog-lambda-js/dist/handler.handler', 'node event'],
    [`${folder}/node_modules/datadog-lambda-js/dist/handler.handler`, 'node event'],
    ['wrapper.handler', 'node event'],
    ['single.handler', 'node event'],
    ['lib.handler', undefined],
    ['dir.handler', 'node event'],
    ['far.handler', 'node event'],
    ['w.main', 'python event'],
    ['src/app.handler', 'python event'],
    ['src.app.handler', 'python event'],
    ['pkg.handler', 'python event'],
    ['near.handler', 'python event'],
    ['nobody.handler', undefined],
    ['missing.php', undefined],
    ['index', 'node event'],
    ['tool', undefined],
    ['', undefined],
  ]
  for (const [handler, kind] of cases) assert.equal(kindOf(handler), kind, handler)
})

test('without a file a handler that leads nowhere is said with where it was named and looked for', async (t) => {
  const folder = await testFolder(t)
  const about = { env: {}, folder, places }
  assert.throws(
    () => zeroConfig('a.b', 'HANDLER', about),
    (error) =>
      hasCode(error, 'RR_CONFIG_NOT_FOUND') &&
      String(error).includes(`HANDLER="a.b" does not name a file in ${folder}`),
  )
  assert.throws(() => zeroConfig('', '_HANDLER', about), /and _HANDLER is not set in/)
})

async function expand(folder: string, yaml: string) {
  const { tree } = await parseYaml(yaml, { file: 'rr.yaml' })
  assert.ok(tree.kind === 'map')
  const { entries, problems } = expandHandler(tree.entries, { env: { PYTHONPATH: '/mine' }, folder, places })
  return { value: plain({ ...tree, entries }), problems: problems.map(formatProblem) }
}

test('server.handler becomes the command, is first in PYTHONPATH, and sets the mode unless one is given', async (t) => {
  const folder = await folderWith(t, ['app.py', 'index.js', 'worker.php'])
  const python = ['python3', '-m', 'relayrunner', 'app.main']
  const first = await expand(
    folder,
    'server: { handler: app.main, relay: pipes }\nlambda: { pool: { num_workers: 2 } }',
  )
  assert.deepEqual(first.value, {
    server: { handler: 'app.main', relay: 'pipes', command: python, env: { PYTHONPATH: '/rr/python:/mine' } },
    lambda: { pool: { num_workers: 2 }, mode: 'event' },
  })
  const set = await expand(
    folder,
    'server: { handler: app.main, env: [{ PYTHONPATH: lib }, { A: b }] }\nlambda: { mode: raw }',
  )
  assert.deepEqual(set.value, {
    server: {
      handler: 'app.main',
      env: [{ PYTHONPATH: 'lib' }, { A: 'b' }, { PYTHONPATH: '/rr/python:lib' }],
      command: python,
    },
    lambda: { mode: 'raw' },
  })
  const worker = await expand(folder, 'server: { handler: worker.php }\nlambda:')
  assert.deepEqual(worker.value, {
    server: { handler: 'worker.php', command: ['php', join(folder, 'worker.php')], env: {} },
    lambda: { mode: 'raw' },
  })
})

test('server.handler beside a command, or of a file that is not there, is a fault at its place', async (t) => {
  const folder = await folderWith(t, ['index.js'])
  const both = await expand(folder, 'server:\n  handler: index.handler\n  command: php x.php')
  assert.deepEqual(both.problems, [
    'rr.yaml:2:12: "server.handler" beside "server.command", expected one of the two',
  ])
  const missing = await expand(folder, 'server:\n  handler: indx.handler')
  assert.match(
    missing.problems.join(),
    /^rr\.yaml:2:12: "server\.handler": "indx\.handler" does not name a file in .*expected worker\.php/,
  )
})
