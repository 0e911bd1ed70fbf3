import assert from 'node:assert/strict'
import { test } from 'node:test'
import { systemClock } from '../../../src/core/clock.js'
import { silentLogger } from '../../../src/logging/logger.js'
import {
  definePlugin,
  isOn,
  type RunMode,
  type StartsWhen,
} from '../../../src/supervisor/plugins/definition.js'
import { tellStartFailed } from '../../../src/supervisor/plugins/start-failed.js'
import { modulesOf } from '../../helpers/plugin-modules.js'

/** A plugin that provides `animal@1` and tells what happens to it. */
function animal(name: string, service: string): string {
  return `export default definePlugin({
    name: '${name}',
    needs: { tell: Diary },
    provides: serviceKey('animal'),
    setup({ needs, defer }) {
      needs.tell('${name} is set up')
      defer(() => needs.tell('${name} is undone'))
      return { service: ${service}, drain: async () => needs.tell('${name} drains') }
    },
  })`
}

const zoo = `export default definePlugin({
  name: 'zoo',
  needs: { animals: all(serviceKey('animal')), tell: Diary },
  setup({ needs }) {
    needs.tell('zoo: ' + [...needs.animals].map(([name, sound]) => name + ' says ' + sound).join(', '))
    return { drain: async () => needs.tell('zoo drains') }
  },
})`

test('a plugin collects every provider of a key by name; they are set up before it and drained after it', async (t) => {
  const { container, diary } = await modulesOf(t, [zoo, animal('cat', "'meow'"), animal('dog', "'woof'")])
  await container.start()
  assert.deepEqual(diary, ['cat is set up', 'dog is set up', 'zoo: cat says meow, dog says woof'])
  assert.deepEqual(await container.drain(1000), [])
  assert.equal(diary[3], 'zoo drains')
  assert.deepEqual([...diary.slice(4)].sort(), ['cat drains', 'dog drains'])
  assert.deepEqual(await container.stop(), [])
  assert.deepEqual(diary.slice(6), ['dog is undone', 'cat is undone'])
})

test('a plugin that collects a service which nobody provides is handed an empty map', async (t) => {
  const { container, diary } = await modulesOf(t, [zoo])
  await container.start()
  assert.deepEqual(diary, ['zoo: '])
})

test('a plugin provides several services, each needed by its own key', async (t) => {
  const pair = `const [A, B] = [serviceKey('a'), serviceKey('b')]
    export default definePlugin({ name: 'pair', provides: [A, B], setup: () => ({ services: [[A, 1], [B, 2]] }) })`
  const user = `export default definePlugin({
    name: 'user',
    needs: { a: serviceKey('a'), b: serviceKey('b'), all: all(serviceKey('b')), tell: Diary },
    setup: ({ needs }) => void needs.tell(\`\${needs.a} \${needs.b} \${[...needs.all]}\`),
  })`
  const { container, diary } = await modulesOf(t, [user, pair])
  await container.start()
  assert.deepEqual(diary, ['1 2 pair,2'])
})

/** A source that takes work until it is told, and then needs `drainMs` for what runs. */
function source(name: string, needs: string, provides: string): string {
  return `export default definePlugin({
    name: '${name}',
    needs: { tell: Diary, ${needs} },
    provides: [${provides}],
    setup({ needs }) {
      return {
        services: [${provides === '' ? '' : `[${provides}, 1]`}],
        stopTaking: () => needs.tell('${name} stops'),
        async drain() {
          needs.tell('${name} begins')
          await new Promise((resolve) => setImmediate(resolve))
          needs.tell('${name} ends')
        },
      }
    },
  })`
}

test('all plugins stop taking work in at once; then levels drain in reverse, each side by side', async (t) => {
  const queue = "serviceKey('queue')"
  const texts = [
    source('a', `queue: ${queue}`, ''),
    source('b', `queue: ${queue}`, ''),
    source('q', '', queue),
  ]
  const { container, diary } = await modulesOf(t, texts)
  await container.start()
  assert.deepEqual(await container.drain(1000), [])
  const both = ['b begins', 'a begins', 'b ends', 'a ends']
  assert.deepEqual(diary, ['b stops', 'a stops', 'q stops', ...both, 'q begins', 'q ends'])
})

test('a plugin that fails to stop taking work in, or never ends it, holds up no other', async (t) => {
  const faulty = (name: string, body: string) => `export default definePlugin({
    name: '${name}', timeouts: { drainMs: 20 }, setup: () => ({ stopTaking() { ${body} } }) })`
  const texts = [
    faulty('throws', "throw new Error('no')"),
    faulty('hangs', 'return new Promise(() => undefined)'),
    animal('cat', '1'),
  ]
  const { container, diary } = await modulesOf(t, texts)
  await container.start()
  const faults = await container.drain(10)
  assert.deepEqual(diary, ['cat is set up', 'cat drains'])
  const says = faults.map(({ message }) => message.replace(/ \(.*\)/, '')).sort()
  assert.deepEqual(says, [
    'plugin "hangs" did not finish its stopTaking within 20 ms',
    'plugin "throws" failed to stopTaking: no',
  ])
})

test('a plugin is told the mode, and announces where it can be reached', async (t) => {
  const text = `export default definePlugin({
    name: 'site',
    needs: { tell: Diary },
    setup({ mode, needs, announce }) {
      needs.tell(mode)
      announce({ what: 'site', where: 'http://127.0.0.1:80' })
    },
  })`
  const { container, diary } = await modulesOf(t, [text], { mode: 'dev' })
  await container.start()
  assert.deepEqual(diary, ['dev'])
  assert.deepEqual(container.announced(), [{ what: 'site', where: 'http://127.0.0.1:80' }])
})

test('a plugin that says so, throws or does not answer is not ready', async (t) => {
  const texts = [
    '() => true',
    '() => false',
    "() => { throw new Error('no') }",
    'async () => true',
    'undefined',
  ].map((ready, at) => `export default definePlugin({ name: 'p${at}', setup: () => ({ ready: ${ready} }) })`)
  const { container } = await modulesOf(t, texts)
  await container.start()
  assert.deepEqual(await container.unready(), ['p1', 'p2'])
})

test('plugins are told of a failed start without having been set up; one that throws keeps nobody from it', async (t) => {
  const texts = [
    "throw new Error('me, too')",
    'globalThis.told = [error.message, context.mode, context.env.A]',
  ].map(
    (body, at) => `export default definePlugin({
      name: 'p${at}', onStartFailed(error, context) { ${body} }, setup() { throw new Error('not set up') } })`,
  )
  const { plugins } = await modulesOf(t, texts)
  const options = { mode: 'bootstrap', env: { A: 'b' }, clock: systemClock, log: silentLogger } as const
  await tellStartFailed(new Error('it failed'), { plugins: plugins.map(({ plugin }) => plugin), ...options })
  assert.deepEqual(Reflect.get(globalThis, 'told'), ['it failed', 'bootstrap', 'b'])
})

test('a plugin is on always, with its section, or as it says itself', () => {
  const on = (when: StartsWhen | undefined, mode: RunMode, ...sections: readonly string[]) => {
    const plugin = definePlugin({ name: 'p', ...(when === undefined ? {} : { on: when }), setup() {} })
    return isOn(plugin, mode, new Set(sections))
  }
  assert.equal(on(undefined, 'serve'), true)
  assert.equal(on('section', 'serve', 'q'), false)
  assert.equal(on('section', 'serve', 'p'), true)
  const inDev: StartsWhen = (mode, sections) => mode === 'dev' || sections.has('q')
  assert.deepEqual([on(inDev, 'dev'), on(inDev, 'serve'), on(inDev, 'serve', 'q')], [true, false, true])
})

const wrongReturns: readonly [returned: string, says: RegExp][] = [
  ['5', /returned 5 from its set-up, not an object/],
  ['{ services: [[A, 1], [B, 2]], serve: true }', /returned `serve`, which is a boolean, not a function/],
  ['undefined', /promised service "a@1" and returned none/],
  ['{ services: [[A, 1]] }', /promised service "b@1" and returned none/],
  ['{ services: [A, B] }', /`services` with a member that is not a pair/],
  [
    "{ services: [[A, 1], [B, 2], [serviceKey('c'), 3]] }",
    /returned service "c@1", which it does not promise/,
  ],
]

test('what set-up returns is checked, and told with the plugin and its file', async (t) => {
  for (const [returned, says] of wrongReturns) {
    const text = `const [A, B] = [serviceKey('a'), serviceKey('b')]
      export default definePlugin({ name: 'p', provides: [A, B], setup: () => (${returned}) })`
    const { container } = await modulesOf(t, [text])
    await assert.rejects(container.start(), (error: Error & { code?: string }) => {
      assert.equal(error.code, 'RR_PLUGIN_API', returned)
      assert.match(error.message, says)
      assert.match(error.message, /^plugin "p" \(.*plugin-0\.mjs/)
      return true
    })
  }
})
