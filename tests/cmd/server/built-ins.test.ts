import assert from 'node:assert/strict'
import { test } from 'node:test'
import { alwaysActive, builtInsFor } from '../../../cmd/server/built-ins.js'
import { functionPlugins } from '../../../src/plugins/function.js'
import { builtInPlugins } from '../../../src/plugins/index.js'
import type { Entry } from '../../../src/schema/tree.js'
import { activePlugins, sectionsOf } from '../../../src/supervisor/plugins/parts.js'
import { hostSections } from '../../../src/supervisor/sections.js'

const plain = ['version', 'lambda', ...hostSections.map(({ name }) => name)]
const at = { file: 'rr.yaml', line: 1, column: 1 }
const entries = (keys: readonly string[]) =>
  new Map(keys.map((key): [string, Entry] => [key, { at, value: { kind: 'map', entries: new Map(), at } }]))

test('a plain function starts the same plugins, with the same sections, as if all had been loaded', async () => {
  const found = await builtInsFor({ mode: 'bootstrap', keys: plain, listsOthers: false })
  assert.deepEqual(found, functionPlugins)
  assert.deepEqual(activePlugins(builtInPlugins, 'bootstrap', entries(plain)), functionPlugins)
  assert.deepEqual(await alwaysActive('bootstrap'), activePlugins(builtInPlugins, 'bootstrap', new Map()))
  const names = functionPlugins.map(({ name }) => name)
  assert.deepEqual(
    sectionsOf(functionPlugins),
    sectionsOf(builtInPlugins).filter(({ name }) => names.includes(name)),
  )
})

test('a section of another plugin, a listed plugin and every other command have all of them', async () => {
  const others = builtInPlugins.filter((plugin) => !functionPlugins.includes(plugin))
  for (const { name } of others) {
    const found = await builtInsFor({ mode: 'bootstrap', keys: [...plain, name], listsOthers: false })
    assert.equal(found, builtInPlugins, name)
  }
  assert.equal(await builtInsFor({ mode: 'bootstrap', keys: plain, listsOthers: true }), builtInPlugins)
  for (const mode of ['serve', 'dev', 'check'] as const)
    assert.equal(await builtInsFor({ mode, keys: plain, listsOthers: false }), builtInPlugins)
})
