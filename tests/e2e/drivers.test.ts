import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdir, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { projectFolder, rrCommand } from '../helpers/project.js'
import { startRr, testFolder, workerText } from '../helpers/rr.js'

/** A stranger's plugin that takes work from pipelines, whoever brings their drivers. */
const pipes = `
import { all, definePlugin, poolOrName, Pools, section, variant } from 'relayrunner'
import { Dispatcher, JobDriver, PoisonRecords, rawProtocol } from 'relayrunner/work'
const pipeline = variant('driver', JobDriver, { note: { type: 'string', default: 'none' } })
export default definePlugin({
  name: 'pipes',
  needs: { pools: Pools, drivers: all(JobDriver) },
  config: section({ pool: poolOrName(), pipelines: { type: 'map', values: pipeline } }),
  async setup({ config, needs, log }) {
    const byName = new Map([...needs.drivers.values()].map((driver) => [driver.name, driver]))
    for (const [name, { driver, config: keys, note }] of Object.entries(config.pipelines)) {
      const source = await byName.get(driver).open({ name, config: keys })
      const deliveries = await source.pull(2, AbortSignal.timeout(1000), 10)
      log.info({ name, driver, keys, note, bodies: deliveries.map(({ body }) => String(body)) }, 'pulled')
      await source.release(deliveries)
      await source.close()
    }
    log.info({ drivers: [...byName.keys()] }, 'opened')
  },
})`

/** A stranger's driver: a queue in the lines of a file. */
const lines = `
import { readFile } from 'node:fs/promises'
import { definePlugin, required } from 'relayrunner'
import { JobDriver, jobDriver } from 'relayrunner/work'
const part = {
  name: 'lines',
  properties: { path: required({ type: 'string' }), wait: { type: 'string', format: 'duration', default: '2s' } },
}
export default definePlugin({
  name: 'lines-driver',
  on: 'named',
  provides: JobDriver,
  parts: { [JobDriver.name]: [part] },
  setup: ({ log }) => ({
    service: jobDriver(part, async ({ name, config }) => {
      log.info({ name, wait: config.wait }, 'a file is opened')
      const rows = (await readFile(config.path, 'utf8')).trim().split('\\n')
      return {
        pull: async (want) =>
          rows.splice(0, want).map((body, at) => ({
            id: String(at), source: 'lines', body, record: {}, headers: {}, attempt: 1, priority: 10,
          })),
        settle: async (items) => items.map(() => undefined),
        release: async () => {},
        close: async () => {},
      }
    }),
  }),
})`

async function project(t: TestContext, pipelines: string): Promise<string> {
  const folder = await testFolder(t)
  for (const [name, text] of Object.entries({ 'npm-pipes': pipes, 'npm-lines': lines })) {
    const own = join(folder, 'node_modules', name)
    await mkdir(own, { recursive: true })
    await writeFile(
      join(own, 'package.json'),
      JSON.stringify({ name, version: '1.2.3', type: 'module', exports: './index.js' }),
    )
    await writeFile(join(own, 'index.js'), text)
  }
  await symlink(projectFolder, join(folder, 'node_modules/relayrunner'))
  await writeFile(join(folder, 'jobs.txt'), 'one\ntwo\nthree\n')
  const head = `version: "3"
server: { command: "${workerText('echo')}" }
plugins: [npm-pipes, npm-lines]
`
  await writeFile(join(folder, 'rr.yaml'), head + pipelines)
  return folder
}

test('a driver of a stranger’s npm module, and a built-in one, open the pipelines that name them', async (t) => {
  const folder = await project(
    t,
    `pipes:
  pool: { num_workers: 1 }
  pipelines:
    orders: { driver: lines, note: mine, config: { path: jobs.txt } }
    mail: { driver: memory, config: { priority: 3 } }
`,
  )
  const rr = await startRr(t, ['serve'], { folder })
  const opened = await rr.line(({ message }) => message === 'opened')
  // SQS is built in, too, but no pipeline names it.
  assert.deepEqual(new Set(Object(opened.drivers)), new Set(['memory', 'lines']))
  const pulled = rr.lines().filter(({ message }) => message === 'pulled')
  assert.deepEqual(
    pulled.map(({ name, driver, keys, note, bodies }) => ({ name, driver, keys, note, bodies })),
    [
      {
        name: 'orders',
        driver: 'lines',
        keys: { path: 'jobs.txt', wait: 2000 },
        note: 'mine',
        bodies: ['one', 'two'],
      },
      { name: 'mail', driver: 'memory', keys: { priority: 3, prefetch: 100_000 }, note: 'none', bodies: [] },
    ],
  )
  rr.child.kill('SIGTERM')
  assert.equal(await rr.ended, 0)
})

test('rr validate tells what is wrong within the keys of a driver, with place and nearest name', async (t) => {
  const folder = await project(
    t,
    `pipes:
  pool: { num_workers: 1 }
  pipelines:
    a: { driver: lines, config: { paht: jobs.txt } }
    b: { driver: linse, config: {} }
    c: { driver: memory, config: { prefetch: 0 } }
    d: { driver: lines, config: { path: x, wait: 5 } }
`,
  )
  const rr = await startRr(t, ['validate'], { folder })
  assert.equal(await rr.ended, 78)
  // Whatever other drivers are built in.
  const shown = rr
    .text()
    .replace(/Expected one of [\w, -]*memory[\w, -]*, lines/, 'Expected one of memory, lines')
    .trim()
    .split('\n')
  assert.deepEqual(shown, [
    'rr.yaml:7:33: "pipes.pipelines.a.config" has no "path", expected a text',
    'rr.yaml:7:35: unknown key "paht" in "pipes.pipelines.a.config", did you mean "path"? Expected one of path, wait',
    'rr.yaml:8:18: "pipes.pipelines.b.driver": "linse", did you mean "lines"? Expected one of memory, lines',
    'rr.yaml:9:46: "pipes.pipelines.c.config.prefetch": 0, expected a whole number from 1 to 1000000',
    'rr.yaml:10:50: "pipes.pipelines.d.config.wait": "5", expected a duration such as 500ms, 60s or 5m, write 5s if seconds are meant',
  ])
})

test('rr schema knows the keys of listed and of built-in drivers', async (t) => {
  const folder = await project(t, '')
  const { stdout, status } = spawnSync(process.execPath, [rrCommand, 'schema'], {
    cwd: folder,
    encoding: 'utf8',
  })
  assert.equal(status, 0)
  const schema = JSON.parse(stdout)
  assert.equal(schema.properties.memory, undefined)
  const { allOf } = schema.properties.pipes.properties.pipelines.additionalProperties
  const keysOf = (driver: string) => {
    const rule = allOf.find((one: { if: unknown }) => JSON.stringify(one.if).includes(`"${driver}"`))
    return Object.keys(rule.then.properties.config.properties)
  }
  assert.deepEqual(keysOf('memory'), ['priority', 'prefetch'])
  assert.deepEqual(keysOf('lines'), ['path', 'wait'])
})
