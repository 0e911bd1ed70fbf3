import assert from 'node:assert/strict'
import { mkdir, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { projectFolder } from '../helpers/project.js'
import { type RunningRr, started, startRr, testFolder, workerText } from '../helpers/rr.js'

const head = `import { definePlugin, Pools, Readiness } from 'relayrunner'\n`

/** Starts a server with a plugin of a stranger, whose name is `own`. */
async function startWith(
  t: TestContext,
  plugin: string,
  { mode = 'serve', sections = '' } = {},
): Promise<RunningRr> {
  const folder = await testFolder(t)
  await mkdir(join(folder, 'node_modules'))
  await symlink(projectFolder, join(folder, 'node_modules/relayrunner'))
  await writeFile(join(folder, 'own.mjs'), head + plugin)
  const config = [
    'version: "3"',
    'plugins: [./own.mjs]',
    `server: { command: "${workerText('echo')}" }`,
    'pools: { default: { num_workers: 1 } }',
    sections,
  ]
  return startRr(t, [mode], { folder, config: config.join('\n') })
}

test('a custom plugin announces its address, stops taking work first, and reports when it is ready', async (t) => {
  const rr = await startWith(
    t,
    `export default definePlugin({
      name: 'own',
      needs: { readiness: Readiness },
      setup({ needs, log, mode, announce }) {
        announce({ what: 'own', where: 'http://127.0.0.1:1/' + mode })
        let isReady = false
        return {
          ready: () => isReady,
          async serve() {
            log.info({ waitsFor: await needs.readiness.waitsFor() }, 'asked')
            isReady = true
            while ((await needs.readiness.waitsFor()).length > 0) await new Promise((resolve) => setImmediate(resolve))
            log.info({}, 'all ready')
          },
          stopTaking: () => log.info({}, 'stops taking'),
          drain: async () => log.info({ waitsFor: await needs.readiness.waitsFor() }, 'drains'),
        }
      },
    })`,
  )
  assert.equal((await started(rr)).own, 'http://127.0.0.1:1/serve')
  const asked = await rr.line(({ message }) => message === 'asked')
  assert.ok(JSON.stringify(asked.waitsFor).includes('plugin own'), JSON.stringify(asked))
  await rr.line(({ message }) => message === 'all ready')
  rr.child.kill('SIGTERM')
  assert.equal(await rr.ended, 0, rr.text())
  const own = rr.lines().filter(({ logger }) => logger === 'own')
  assert.deepEqual(
    own.slice(-2).map(({ message, waitsFor }) => [message, waitsFor]),
    [
      ['stops taking', undefined],
      ['drains', ['stop']],
    ],
  )
})

test('a stranger’s plugin is told of a failed start, also when its own section is at fault', async (t) => {
  const plugin = `export default definePlugin({
    name: 'own',
    config: { properties: { port: { type: 'integer' } } },
    onStartFailed: (error, { log, mode }) => log.warn({ why: error.message.split('\\n')[0], mode }, 'told'),
    setup() { throw new Error('no port is free') },
  })`
  const cases: readonly [sections: string, code: number, why: RegExp][] = [
    ['', 1, /failed to set up: no port is free/],
    ['own: { port: many }', 78, /the configuration has 1 fault/],
  ]
  for (const [sections, code, why] of cases) {
    const rr = await startWith(t, plugin, { sections })
    assert.equal(await rr.ended, code, rr.text())
    const told = rr.lines().find(({ message }) => message === 'told')
    assert.match(String(told?.why), why)
    assert.equal(told?.mode, 'serve')
  }
})

test('a stranger’s plugin says itself in which mode and with which sections it is on', async (t) => {
  const rr = await startWith(
    t,
    `export default definePlugin({
      name: 'own',
      on: (mode, sections) => { console.error(JSON.stringify([mode, [...sections].sort()])); return false },
      setup() { throw new Error('it was set up') },
    })`,
    { sections: 'own: { what: ever }' },
  )
  await started(rr)
  assert.match(rr.text(), /^\["serve",\["own","plugins","pools","server","version"\]\]$/m)
})
