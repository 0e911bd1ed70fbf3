import assert from 'node:assert/strict'
import { test } from 'node:test'
import { hasCode } from '../../../src/core/errors.js'
import { definePlugin, optional, serviceKey } from '../../../src/supervisor/plugins/definition.js'
import { planPlugins } from '../../../src/supervisor/plugins/plan.js'

const key = (name: string) => serviceKey<object>(name)

function plugin(name: string, needs: readonly string[] = [], provides?: string) {
  return definePlugin({
    name,
    needs: Object.fromEntries(
      needs.map((need) => [need, need.endsWith('?') ? optional(key(need.slice(0, -1))) : key(need)]),
    ),
    ...(provides === undefined ? {} : { provides: key(provides) }),
    setup: () => undefined,
  })
}

function names(levels: ReturnType<typeof planPlugins>) {
  return levels.map((level) => level.map((one) => one.name))
}

const none: ReadonlySet<string> = new Set()

test('what a plugin needs sits in an earlier level; inside one the listing counts', () => {
  const plugins = [plugin('c', ['b']), plugin('z'), plugin('b', ['a'], 'b'), plugin('a', [], 'a')]
  assert.deepEqual(names(planPlugins(plugins, none)), [['z', 'a'], ['b'], ['c']])
})

test('an optional need orders when somebody provides it and does no harm else', () => {
  assert.deepEqual(names(planPlugins([plugin('x', ['y?']), plugin('y', [], 'y')], none)), [['y'], ['x']])
  assert.deepEqual(names(planPlugins([plugin('x', ['y?'])], none)), [['x']])
})

test('services of the host are there before the first level', () => {
  assert.deepEqual(names(planPlugins([plugin('x', ['pools'])], new Set(['pools@1']))), [['x']])
})

test('a missing need names both, a circle is a path, doubles are refused', () => {
  const cases: readonly [
    plugins: ReturnType<typeof plugin>[],
    code: Parameters<typeof hasCode>[1],
    says: RegExp,
  ][] = [
    [[plugin('x', ['y'])], 'RR_PLUGIN_MISSING_NEED', /"x" needs service "y@1"/],
    [[plugin('a', ['b'], 'a'), plugin('b', ['a'], 'b')], 'RR_PLUGIN_CYCLE', /a -> b -> a/],
    [[plugin('a'), plugin('a')], 'RR_PLUGIN_DUPLICATE', /two plugins have the name "a"/],
    [
      [plugin('a', [], 's'), plugin('b', [], 's')],
      'RR_PLUGIN_DUPLICATE',
      /"b" provides service "s@1", which a provides/,
    ],
  ]
  for (const [plugins, code, says] of cases) {
    assert.throws(
      () => planPlugins(plugins, none),
      (error: Error) => hasCode(error, code) && says.test(error.message),
    )
  }
})
