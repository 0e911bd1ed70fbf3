import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseYaml } from '../../../config/yaml/yaml.js'
import { mapSection, required, section, variant } from '../../../src/schema/section.js'
import { definePlugin } from '../../../src/supervisor/plugins/definition.js'
import { serviceKey } from '../../../src/supervisor/plugins/keys.js'
import { activePlugins, sectionsOf } from '../../../src/supervisor/plugins/parts.js'
import { planPlugins } from '../../../src/supervisor/plugins/plan.js'

const Store = serviceKey<string>('store')
const Codec = serviceKey<string>('codec')

/** A plugin that brings one part, whose section may name others. */
function bringer(key: typeof Store, name: string, config = section({})) {
  const parts = { [key.name]: [{ name, properties: { path: required({ type: 'string' }) } }] }
  return definePlugin({ name, on: 'named', provides: key, parts, config, setup: () => ({ service: name }) })
}

const kv = definePlugin({
  name: 'kv',
  on: 'section',
  config: mapSection(variant('driver', Store)),
  setup() {},
})
const list = definePlugin({
  name: 'list',
  on: 'section',
  config: section({
    stores: { type: 'array', items: { anyOf: [variant('driver', Store), { type: 'string' }] } },
    nested: { type: 'object', properties: { one: variant('driver', Store) } },
    pairs: { type: 'map', pairs: true, values: variant('driver', Store) },
  }),
  setup() {},
})
const disk = bringer(Store, 'disk', section({ codec: variant('kind', Codec) }))
const redis = bringer(Store, 'redis')
const zip = bringer(Codec, 'zip')
const plugins = [zip, disk, redis, kv, list]

const cases: readonly [text: string, active: readonly string[]][] = [
  ['version: "3"', []],
  ['kv: { a: { driver: disk } }', ['disk', 'kv']],
  ['kv: { a: { driver: disk }, b: { driver: redis } }', ['disk', 'redis', 'kv']],
  ['kv: { a: { driver: other } }', ['kv']],
  ['kv: { a: { driver: [disk] }, b: disk, c: }', ['kv']],
  // A section of a plugin that is off names nothing.
  ['lists: { stores: [{ driver: disk }] }', []],
  ['list: { stores: [{ driver: disk }, redis] }', ['disk', 'list']],
  ['list: { stores: { driver: disk } }', ['disk', 'list']],
  ['list: { nested: { one: { driver: redis } } }', ['redis', 'list']],
  ['list: { pairs: [{ a: { driver: redis } }] }', ['redis', 'list']],
  ['{ kv: { a: { driver: disk } }, disk: { codec: { kind: zip } } }', ['zip', 'disk', 'kv']],
  ['disk: { codec: { kind: zip } }', []],
]
test('a plugin that is on when named is started where the section of another that is on names its part', async () => {
  for (const [text, active] of cases) {
    const { tree } = await parseYaml(text, { file: 'rr.yaml', env: {} })
    assert.ok(tree.kind === 'map')
    const names = activePlugins(plugins, 'serve', tree.entries).map(({ name }) => name)
    assert.deepEqual(names, active, text)
  }
})

test('sections take the parts of all plugins; a plugin that only brings parts has no section', () => {
  const sections = sectionsOf([...plugins, bringer(Store, 'disk')])
  assert.deepEqual(
    sections.map(({ name }) => name),
    ['disk', 'kv', 'list'],
  )
  const { entries } = sections[1]?.config ?? {}
  assert.ok(entries !== undefined && 'parts' in entries)
  assert.deepEqual(
    entries.parts.map(({ name }) => name),
    ['disk', 'redis'],
  )
  // Sections that no part joins stay the same object, for which a validator may exist.
  const plain = definePlugin({ name: 'plain', config: section({ a: { type: 'string' } }), setup() {} })
  assert.equal(sectionsOf([plain, disk])[0]?.config, plain.config)
})

test('two plugins that bring parts of one name are refused, and both named', () => {
  const other = definePlugin({
    name: 'other',
    provides: Store,
    parts: { store: [{ name: 'disk', properties: {} }] },
    setup: () => ({ service: '' }),
  })
  assert.throws(() => planPlugins([disk, other], new Set()), {
    code: 'RR_PLUGIN_DUPLICATE',
    message: 'plugin "other" brings the part "disk" of service "store", which "disk" brings already',
  })
  assert.equal(planPlugins([disk, zip], new Set()).length, 1)
})
