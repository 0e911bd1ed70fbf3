import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdir, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { projectFolder, rrCommand } from '../../helpers/project.js'
import { testFolder } from '../../helpers/rr.js'

const plugin = `import { definePlugin, required, section, variant } from 'relayrunner'
const parts = [{ name: 'file', properties: { path: required({ type: 'string' }) } }]
export default definePlugin({ name: 'own', config: section({ store: variant('driver', parts) }), setup() {} })
`

async function project(t: TestContext, config: string): Promise<string> {
  const folder = await testFolder(t)
  await mkdir(join(folder, 'node_modules'))
  await symlink(projectFolder, join(folder, 'node_modules/relayrunner'))
  await writeFile(join(folder, 'own.mjs'), plugin)
  await writeFile(join(folder, 'rr.yaml'), config)
  return folder
}

function schemaOf(folder: string, ...words: readonly string[]) {
  const run = spawnSync(process.execPath, [rrCommand, 'schema', ...words], { cwd: folder, encoding: 'utf8' })
  return { code: run.status, schema: run.stdout === '' ? undefined : JSON.parse(run.stdout), err: run.stderr }
}

test('rr schema has the sections of the plugins that the file lists', async (t) => {
  const { Ajv } = await import('ajv')
  const folder = await project(t, 'version: "3"\nplugins: [./own.mjs]\nlogs: { level: loud }\n')
  const { code, schema, err } = schemaOf(folder, '-c', 'rr.yaml')
  assert.deepEqual([code, err], [0, ''])
  const accepts = new Ajv({ strict: false }).compile(schema)
  const own = (store: unknown) => accepts({ version: '3', own: { store } })
  assert.ok(own({ driver: 'file', config: { path: 'x' } }))
  assert.ok(!own({ driver: 'file', config: {} }))
  assert.ok(!own({ driver: 'tape' }))
})

test('rr schema without a file knows the built-in sections', async (t) => {
  const { code, schema } = schemaOf(await testFolder(t))
  assert.equal(code, 0)
  assert.deepEqual([typeof schema.properties.lambda, schema.properties.own], ['object', undefined])
})

test('rr schema names a plugin that cannot be loaded, and prints the other sections', async (t) => {
  const folder = await project(t, 'version: "3"\nplugins: [./own.mjs, ./gone.mjs]\n')
  const { code, schema, err } = schemaOf(folder)
  assert.equal(code, 1)
  assert.match(err, /^rr\.yaml:2:22: plugin "\.\/gone\.mjs" cannot be found/)
  assert.ok(schema.properties.own)
  assert.equal(schemaOf(folder, '-c', 'nowhere.yaml').code, 1)
})
