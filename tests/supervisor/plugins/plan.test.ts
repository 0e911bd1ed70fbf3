import assert from 'node:assert/strict'
import { test } from 'node:test'
import { hasCode } from '../../../src/core/errors.js'
import { definePlugin } from '../../../src/supervisor/plugins/definition.js'
import { all, optional, serviceKey } from '../../../src/supervisor/plugins/keys.js'
import { planPlugins } from '../../../src/supervisor/plugins/plan.js'

const key = (name: string) => serviceKey<object>(name)

/** A need is the name of a service, with `?` behind it when it is optional and `*` when it takes every provider. */
function needed(text: string) {
  const own = key(text.replace(/[?*]$/, ''))
  if (text.endsWith('*')) return all(own)
  return text.endsWith('?') ? optional(own) : own
}

function plugin(name: string, needs: readonly string[] = [], ...provides: readonly string[]) {
  return definePlugin({
    name,
    needs: Object.fromEntries(needs.map((need) => [need, needed(need)])),
    provides: provides.map(key),
    setup: () => ({ services: [] }),
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

test('every provider of a service sits before a plugin that collects them and may provide one, too', () => {
  const plugins = [
    plugin('x', ['s*'], 's'),
    plugin('a', [], 's', 't'),
    plugin('b', ['t'], 's'),
    plugin('y', ['s*']),
  ]
  assert.deepEqual(names(planPlugins(plugins, none)), [['a'], ['b'], ['x'], ['y']])
  assert.deepEqual(names(planPlugins([plugin('x', ['s*'])], none)), [['x']])
})

test('a plugin may not provide a service of the host', () => {
  assert.throws(
    () => planPlugins([plugin('x', [], 'pools')], new Set(['pools@1'])),
    /which the server itself provides/,
  )
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
      [plugin('a', [], 's'), plugin('b', [], 's'), plugin('c', ['s'])],
      'RR_PLUGIN_DUPLICATE',
      /"b" provides service "s@1", which a provides already, and plugin "c" needs one of them/,
    ],
    [
      [plugin('a', [], 's'), plugin('b', [], 's'), plugin('c', ['s*']), plugin('d', ['s?'])],
      'RR_PLUGIN_DUPLICATE',
      /plugin "d" needs one/,
    ],
  ]
  for (const [plugins, code, says] of cases) {
    assert.throws(
      () => planPlugins(plugins, none),
      (error: Error) => hasCode(error, code) && says.test(error.message),
    )
  }
})
