import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { loadPlugin } from '../../../src/supervisor/plugins/load.js'

const k = '{ name: "s", major: 1, takes: "one" }'

const cases: readonly [definition: string, says: RegExp][] = [
  ['undefined', /its definition is undefined/],
  ['"name"', /its definition is a string/],
  ['{ setup() {} }', /`name` is undefined/],
  ['{ name: "", setup() {} }', /`name` is a string/],
  ['{ name: "p" }', /plugin "p": `setup` is undefined/],
  ['{ name: "p", setup: {} }', /`setup` is an object/],
  ['{ name: "p", setup() {}, config: { foo: 1 } }', /`config` is not a section/],
  ['{ name: "p", setup() {}, config: 5 }', /`config` is 5/],
  ['{ name: "p", setup() {}, config: { properties: { foo: 1 } } }', /has for "foo" 1, not a schema/],
  ['{ name: "p", setup() {}, config: { properties: {}, check: 1 } }', /check of `config` is 1/],
  ['{ name: "p", setup() {}, needs: ["pools"] }', /`needs` is a list/],
  ['{ name: "p", setup() {}, needs: { pools: "pools" } }', /`needs\.pools` is a string/],
  ['{ name: "p", setup() {}, needs: { pools: { name: "pools" } } }', /`needs\.pools` is an object/],
  ['{ name: "p", setup() {}, provides: "service" }', /`provides` is a string/],
  [
    '{ name: "p", setup() {}, provides: [{ name: "s", major: 1, takes: "all" }] }',
    /`provides\[0\]` is an object/,
  ],
  [`{ name: "p", setup() {}, provides: [${k}, ${k}] }`, /`provides` names "s@1" twice/],
  ['{ name: "p", setup() {}, parts: [] }', /`parts` is a list/],
  ['{ name: "p", setup() {}, parts: { s: [] } }', /`parts` has parts for "s", a service that .* not provide/],
  [`{ name: "p", setup() {}, provides: ${k}, parts: { s: {} } }`, /`parts\["s"\]` is an object, not a list/],
  [
    `{ name: "p", setup() {}, provides: [${k}], parts: { s: [{ properties: {} }] } }`,
    /`parts\["s"\]\[0\]` has for its name undefined, not a text/,
  ],
  [
    `{ name: "p", setup() {}, provides: ${k}, parts: { s: [{ name: "x" }] } }`,
    /`parts\["s"\]\[0\]` has for its properties undefined/,
  ],
  [
    `{ name: "p", setup() {}, provides: ${k}, parts: { s: [{ name: "x", properties: { a: 1 } }] } }`,
    /`parts\["s"\]\[0\]` has for "a" 1, not a schema/,
  ],
  ['{ name: "p", setup() {}, timeouts: { setupMs: "5s" } }', /`timeouts\.setupMs` is a string/],
  ['{ name: "p", setup() {}, on: "never" }', /`on` is a string/],
  ['{ name: "p", setup() {}, onStartFailed: {} }', /`onStartFailed` is an object/],
  ['{ name: "p", setup() {}, version: 1 }', /`version` is 1/],
]

test('a slip in definePlugin, or in a plain object that stands for it, is told with the plugin’s file', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'rr-plugin-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  const ours = new URL('../../../src/supervisor/plugins/definition.js', import.meta.url).href
  for (const [at, [definition, says]] of cases.entries()) {
    const file = join(folder, `p${at}.mjs`)
    await writeFile(
      file,
      `import { definePlugin } from ${JSON.stringify(ours)}\nexport default definePlugin(${definition})\n`,
    )
    await assert.rejects(
      loadPlugin(file, folder),
      (error: { code?: string; message: string; hint?: string }) => {
        assert.equal(error.code, 'RR_PLUGIN_API', definition)
        assert.match(error.message, says)
        assert.ok(error.message.includes(file))
        assert.ok((error.hint ?? '') !== '')
        return true
      },
    )
  }
  const plain = join(folder, 'plain.mjs')
  await writeFile(
    plain,
    'export default { apiVersion: 1, name: "p", setup() {}, needs: {}, config: { foo: 1 } }',
  )
  await assert.rejects(loadPlugin(plain, folder), {
    code: 'RR_PLUGIN_API',
    message: /`config` is not a section/,
  })
})
