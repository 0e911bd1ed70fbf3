import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { pathToFileURL } from 'node:url'
import { ErrorCode, hasCode, messageOf } from '../../../src/core/errors.js'
import { apiVersion } from '../../../src/supervisor/plugins/definition.js'
import { loadPlugin } from '../../../src/supervisor/plugins/load.js'
import { buildFolder } from '../../helpers/project.js'
import { ManualClock } from '../../ipc/manual-clock.js'

const ours = JSON.stringify(pathToFileURL(join(buildFolder, 'src/index.js')).href)
const plugin = (name: string) =>
  `import { definePlugin } from ${ours}\nexport default definePlugin({ name: '${name}', setup: () => ({}) })\n`

/** A folder with these files; removed when the test ends. */
function folderOf(t: TestContext, files: Readonly<Record<string, string>>): string {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'rr-load-')))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true })
    writeFileSync(join(folder, path), text)
  }
  return folder
}

test('a path counts from the folder of the file that names it, a name is looked up in its node_modules', async (t) => {
  const manifest = JSON.stringify({ name: 'rr-tick', version: '1.2.3', exports: './main.mjs' })
  const folder = folderOf(t, {
    'mine.mjs': plugin('mine'),
    'node_modules/rr-tick/package.json': manifest,
    'node_modules/rr-tick/main.mjs': plugin('tick'),
  })
  const mine = await loadPlugin('./mine.mjs', folder)
  assert.deepEqual([mine.plugin.name, mine.file], ['mine', join(folder, 'mine.mjs')])
  const tick = await loadPlugin('rr-tick', folder)
  assert.deepEqual([tick.plugin.name, tick.version], ['tick', '1.2.3'])
})

test('the default export of transpiled CommonJS is found below another default', async (t) => {
  const cjs = `exports.__esModule = true; exports.default = require('./plain.cjs')`
  const plain = `module.exports = { apiVersion: ${apiVersion}, name: 'old', needs: {}, config: { type: 'object', properties: {} }, setup() { return {} } }`
  const folder = folderOf(t, { 'plugin.cjs': cjs, 'plain.cjs': plain })
  assert.equal((await loadPlugin('./plugin.cjs', folder)).plugin.name, 'old')
})

const faults: readonly [file: string, text: string, code: ErrorCode, says: RegExp][] = [
  ['a.mjs', 'export default 1', ErrorCode.PluginApi, /does not export a plugin by default/],
  ['b.mjs', 'export const plugin = 1', ErrorCode.PluginApi, /does not export a plugin by default/],
  ['c.mjs', 'throw new Error("no licence")', ErrorCode.PluginLoad, /c\.mjs.*failed to load: no licence/],
  ['d.mjs', 'import "./nothing.mjs"', ErrorCode.PluginLoad, /failed to load/],
  [
    'e.mjs',
    'export default { apiVersion: 99, name: "e", needs: {}, config: {}, setup() {} }',
    ErrorCode.PluginApi,
    /was written for plugin API 99; this server has /,
  ],
]
test('a module that is not a plugin, or throws, is refused with its file and what is wrong', async (t) => {
  for (const [file, text, code, says] of faults) {
    const folder = folderOf(t, { [file]: text })
    await assert.rejects(loadPlugin(`./${file}`, folder), (error) => {
      return hasCode(error, code) && says.test(messageOf(error))
    })
  }
})

test('what cannot be found is refused with where it was looked for, and what to do', async (t) => {
  const folder = folderOf(t, {})
  const isAbout = (hint: RegExp) => (error: unknown) =>
    hasCode(error, ErrorCode.PluginNotFound) &&
    messageOf(error).includes(folder) &&
    error instanceof Error &&
    'hint' in error &&
    hint.test(String(error.hint))
  await assert.rejects(loadPlugin('./absent.mjs', folder), isAbout(/Paths are relative to/))
  await assert.rejects(loadPlugin('rr-absent', folder), isAbout(/npm install rr-absent/))
})

test('a module that never finishes loading is given up after 30 s', async (t) => {
  const folder = folderOf(t, { 'slow.mjs': 'await new Promise(() => undefined)' })
  const clock = new ManualClock()
  const loading = loadPlugin('./slow.mjs', folder, clock)
  clock.advance(30_000)
  await assert.rejects(
    loading,
    (error) => hasCode(error, ErrorCode.PluginLoad) && /did not load within 30000 ms/.test(messageOf(error)),
  )
})
