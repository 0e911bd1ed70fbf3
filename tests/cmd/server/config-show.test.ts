import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdir, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { parse } from 'yaml'
import { projectFolder, rrCommand } from '../../helpers/project.js'
import { testFolder } from '../../helpers/rr.js'

async function folderWith(t: TestContext, files: Readonly<Record<string, string>>): Promise<string> {
  const folder = await testFolder(t)
  for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text)
  return folder
}

function show(folder: string, words: readonly string[] = [], env: NodeJS.ProcessEnv = {}) {
  const run = spawnSync(process.execPath, [rrCommand, 'config', 'show', ...words], {
    cwd: folder,
    encoding: 'utf8',
    env: { ...process.env, ...env },
  })
  return { code: run.status, out: run.stdout, err: run.stderr }
}

const files = {
  'rr.yaml': [
    'version: "3"',
    'include: [more.yaml]',
    'server: { command: "node ${SCRIPT:-worker.mjs}", env: { TOKEN: "${TOKEN}" } }',
    'lambda: { pool: { num_workers: 2, destroy_timeout: 1m30s } }',
    '',
  ].join('\n'),
  'more.yaml': 'logs: { line_max: 1MB }\n',
}

test('config show applies variables, includes, -o and defaults, and keeps units', async (t) => {
  const folder = await folderWith(t, files)
  const { code, out, err } = show(folder, ['-o', 'lambda.pool.num_workers=7'], {
    SCRIPT: 'other.mjs',
    TOKEN: 't',
  })
  assert.deepEqual([code, err], [0, ''])
  const config = parse(out)
  assert.equal(config.version, '3')
  assert.equal(config.include, undefined)
  assert.equal(config.server.command, 'node other.mjs')
  assert.deepEqual([config.logs.line_max, config.logs.level], ['1MB', 'info'])
  const { num_workers, destroy_timeout, allocate_timeout } = config.lambda.pool
  assert.deepEqual([num_workers, destroy_timeout, allocate_timeout], [7, '1m30s', '60s'])
})

test('what config show prints is valid, and means the same when it is read again', async (t) => {
  const folder = await folderWith(t, files)
  const first = show(folder, [], { TOKEN: 't' })
  await writeFile(join(folder, 'again.yaml'), first.out)
  const again = show(folder, ['-c', 'again.yaml'])
  assert.deepEqual([again.code, again.err, again.out], [0, '', first.out])
})

test('config show masks secrets and environment values, as JSON too', async (t) => {
  const folder = await folderWith(t, files)
  const { code, out } = show(folder, ['--json'], { TOKEN: 'hunter2' })
  assert.equal(code, 0)
  assert.deepEqual(JSON.parse(out).server.env, { TOKEN: '***' })
  assert.ok(!out.includes('hunter2') && !show(folder, [], { TOKEN: 'hunter2' }).out.includes('hunter2'))
})

test('config show masks the secret of a plugin that the file lists, and names the plugin', async (t) => {
  const plugin = `import { definePlugin, secret, section, variant } from 'relayrunner'
import { JobDriver } from 'relayrunner/work'
const keys = {
  password: secret({ type: 'string' }),
  wait: { type: 'string', format: 'duration', default: '5s' },
  lines: { type: 'map', values: variant('driver', JobDriver) },
}
export default definePlugin({ name: 'own', config: section(keys), setup() {} })
`
  const folder = await folderWith(t, {
    'own.mjs': plugin,
    'rr.yaml':
      'version: "3"\nplugins: [./own.mjs]\nown: { password: hunter2, lines: { a: { driver: memory } } }\n',
  })
  await mkdir(join(folder, 'node_modules'))
  await symlink(projectFolder, join(folder, 'node_modules/relayrunner'))
  const { code, out } = show(folder)
  const config = parse(out)
  const lines = { a: { driver: 'memory', config: { priority: 10, prefetch: 100_000 } } }
  assert.deepEqual([code, config.own], [0, { password: '***', wait: '5s', lines }])
  assert.deepEqual(config.plugins, [join(folder, 'own.mjs')])
})

test('config show of a file with faults prints them and exits 78', async (t) => {
  const folder = await folderWith(t, { 'rr.yaml': 'version: "3"\nlogs: { level: loud }\n' })
  const { code, out, err } = show(folder)
  assert.deepEqual([code, out], [78, ''])
  assert.match(err, /^rr\.yaml:2:16: /)
  assert.equal(show(await testFolder(t)).code, 78)
})
