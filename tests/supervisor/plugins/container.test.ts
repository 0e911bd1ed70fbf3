import assert from 'node:assert/strict'
import { test } from 'node:test'
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
