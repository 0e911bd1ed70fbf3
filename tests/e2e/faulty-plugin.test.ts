import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { isAlive } from '../helpers/pool.js'
import { fixture } from '../helpers/project.js'
import { invoke, lambdaConfig, type RunningRr, startRr, workerText } from '../helpers/rr.js'

function serve(t: TestContext, at: string, plugin = 'faulty'): Promise<RunningRr> {
  const more = `emulator: { address: "127.0.0.1:0" }\nplugins: [${fixture('plugins', `${plugin}.mjs`)}]\nfaulty: { at: ${at} }`
  return startRr(t, ['serve'], { config: lambdaConfig(workerText('who'), { more }) })
}

test('a plugin that throws on load is named with its file, and nothing starts', async (t) => {
  const rr = await serve(t, 'never', 'throws-on-load')
  assert.equal(await rr.ended, 1)
  assert.match(rr.text(), /RR_PLUGIN_LOAD.*throws-on-load\.mjs.*cannot load/)
})

test('a plugin that cannot be found is a fault at its line, exit 78', async (t) => {
  const config = 'version: "3"\nplugins:\n  - relayrunner-plugin-nowhere\n'
  const rr = await startRr(t, ['serve'], { config })
  assert.equal(await rr.ended, 78)
  assert.match(rr.text(), /rr\.yaml:3:5: plugin "relayrunner-plugin-nowhere" cannot be found/)
})

for (const at of ['setup', 'serve']) {
  test(`a plugin that throws in ${at} is named, the rest is undone, exit 1`, async (t) => {
    const rr = await serve(t, at)
    assert.equal(await rr.ended, 1)
    assert.match(
      rr.text(),
      new RegExp(`RR_PLUGIN_${at.toUpperCase()}.*"faulty\\\\?" .*faulty\\.mjs.*cannot (set up|serve)`),
    )
    assert.ok(rr.lines().some((line) => line.message === 'undone'))
  })
}

for (const [at, code] of [
  ['drain', 'RR_PLUGIN_STOP'],
  ['stop', 'RR_PLUGIN_STOP'],
  ['hang', 'RR_PLUGIN_TIMEOUT'],
] as const) {
  test(`a plugin that fails at the end (${at}) is named, and everything else stops`, async (t) => {
    const rr = await serve(t, at)
    const pid = Number((await invoke(rr, '1')).body)
    rr.child.kill('SIGTERM')
    assert.equal(await rr.ended, 1)
    assert.match(rr.text(), new RegExp(`${code}.*faulty\\.mjs`))
    assert.ok(!isAlive(pid))
    assert.ok(rr.lines().some((line) => line.message === 'stopped'))
  })
}
