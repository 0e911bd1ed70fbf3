import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { test } from 'node:test'
import { startBootstrap } from '../helpers/bootstrap.js'
import { fixture, rrCommand, shippedFolder } from '../helpers/project.js'
import { invokeAt, testFolder, workerText } from '../helpers/rr.js'
import { testApi } from '../helpers/runtime-api.js'
import { eventually } from '../helpers/wait.js'

/** Modules that a start may load, beside Node's own and those of the recorder (net). `cluster` comes with a socket that listens, `v8` 200 ms later. */
const allowed: ReadonlySet<string> = new Set([
  'child_process',
  'cluster',
  'dgram',
  'module',
  'tty',
  'v8',
  'vm',
])

test('a compiled start loads two of our programs and few modules of Node before it asks for an event', async (t) => {
  const folder = await testFolder(t)
  const [out, record] = [join(folder, 'compiled'), join(folder, 'record.json')]
  writeFileSync(
    join(folder, 'rr.yaml'),
    `version: "3"\nserver: { command: ${JSON.stringify(workerText('echo'))} }\nlambda: {}\n`,
  )
  const compiled = spawnSync(process.execPath, [rrCommand, 'compile', '--out', out], {
    cwd: folder,
    encoding: 'utf8',
  })
  assert.equal(compiled.status, 0, compiled.stderr)
  const api = await testApi(t)
  await startBootstrap(t, api, {
    folder,
    command: [process.execPath, rrCommand],
    env: {
      RELAYRUNNER_COMPILED: out,
      START_RECORD: record,
      NODE_OPTIONS: `--require ${fixture('start-recorder.cjs')}`,
    },
  })
  await eventually(() => existsSync(record))
  await invokeAt(api.invokeUrl, '{}')
  const { files, modules }: { files: string[]; modules: string[] } = JSON.parse(readFileSync(record, 'utf8'))
  const ours = files
    .filter((path) => path.startsWith(shippedFolder))
    .map((path) => relative(shippedFolder, path))
  assert.deepEqual(ours.sort(), ['cmd/bootstrap/main.js', 'cmd/rr.js'])
  const made = files.filter((path) => path.startsWith(out)).map((path) => relative(out, path))
  assert.deepEqual(made.sort(), readdirSync(out).sort())
  const own = modules.flatMap((one) => /^NativeModule ((?!internal\/).*)$/.exec(one)?.[1] ?? [])
  assert.deepEqual(
    own.filter((name) => !allowed.has(name)),
    [],
  )
})
