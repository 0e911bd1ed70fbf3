import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { cp, mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { type TestContext, test } from 'node:test'
import { install, linkDependencies, packSelf } from '../helpers/pack.js'
import { projectFolder } from '../helpers/project.js'
import { startRr, testFolder, workerText } from '../helpers/rr.js'

/** A stranger's project: our package from its tarball, the plugin built by tsc against our types. */
async function project(t: TestContext, options: { hasOwnCopy: boolean }): Promise<string> {
  const folder = await testFolder(t)
  const tarball = await packSelf(folder)
  await install(folder, 'relayrunner', tarball)
  await linkDependencies(folder)
  const plugin = join(folder, 'node_modules', 'relayrunner-plugin-heartbeat')
  await cp(join(projectFolder, 'examples/plugin-heartbeat'), plugin, { recursive: true })
  const tsc = join(projectFolder, 'node_modules/typescript/bin/tsc')
  const built = spawnSync(process.execPath, [tsc, '-p', plugin], { encoding: 'utf8', cwd: plugin })
  assert.equal(built.status, 0, built.stdout)
  const tested = spawnSync(process.execPath, ['--test', 'dist/heartbeat.test.js'], {
    encoding: 'utf8',
    cwd: plugin,
  })
  assert.equal(tested.status, 0, tested.stdout)
  if (options.hasOwnCopy) {
    await mkdir(join(plugin, 'node_modules'), { recursive: true })
    await install(plugin, 'relayrunner', tarball)
  }
  const config = [
    'version: "3"',
    'plugins: [relayrunner-plugin-heartbeat]',
    `server: { command: "${workerText('echo')}" }`,
    'pools: { default: { num_workers: 2 } }',
    'heartbeat: { interval: 50ms }',
    '',
  ]
  await writeFile(join(folder, 'rr.yaml'), config.join('\n'))
  return folder
}

const errors = `import { definePlugin, ErrorCode, hasCode, Pools, RelayError } from 'relayrunner'
import { Dispatcher } from 'relayrunner/work'
export default definePlugin({
  name: 'errors',
  needs: { pools: Pools },
  on: 'always',
  setup({ needs, log }) {
    try {
      needs.pools.open('nope', { name: 'errors', mode: 'jobs' })
    } catch (error) {
      const isKnown = hasCode(error, ErrorCode.PoolUnknown)
      log.info({ isOurs: error instanceof RelayError, isKnown, work: typeof Dispatcher }, 'caught')
    }
  },
})
`

test('an error of the bundled server is an instance of the RelayError that a plugin imports', async (t) => {
  const folder = await testFolder(t)
  await install(folder, 'relayrunner', await packSelf(folder))
  await linkDependencies(folder)
  await writeFile(join(folder, 'errors.mjs'), errors)
  await writeFile(join(folder, 'rr.yaml'), 'version: "3"\nplugins: [./errors.mjs]\n')
  const command = [process.execPath, join(folder, 'node_modules/relayrunner/dist/cmd/rr.js')] as const
  const rr = await startRr(t, ['serve'], { folder, command })
  const line = await rr.line(({ message }) => message === 'caught')
  assert.deepEqual([line.isOurs, line.isKnown, line.work], [true, true, 'function'])
})

for (const hasOwnCopy of [false, true]) {
  const how = hasOwnCopy ? 'with its own second copy of our package' : 'installed from npm'
  test(`a stranger's plugin ${how} is loaded by name, typed, configured, served and stopped`, async (t) => {
    const folder = await project(t, { hasOwnCopy })
    const rr = join(folder, 'node_modules/relayrunner/dist/cmd/rr.js')
    const child = spawn(process.execPath, [rr, 'serve'], { cwd: folder, stdio: ['ignore', 'ignore', 'pipe'] })
    t.after(() => child.kill('SIGKILL'))
    const lines: Record<string, unknown>[] = []
    const ended = once(child, 'close')
    for await (const text of createInterface({ input: child.stderr })) {
      if (!text.startsWith('{')) continue
      const line: Record<string, unknown> = JSON.parse(text)
      lines.push(line)
      if (line.logger === 'heartbeat' && line.beats === 3) break
    }
    const beat = lines.find((line) => line.message === 'beat')
    assert.ok(beat, JSON.stringify(lines))
    assert.equal(beat.app_pool ?? beat.pool, 'default')
    const shown = spawnSync(process.execPath, [rr, 'plugins', '--json'], { cwd: folder, encoding: 'utf8' })
    const own = JSON.parse(shown.stdout).find((one: { name: string }) => one.name === 'heartbeat')
    assert.equal(own.version, '1.0.0')
    assert.match(own.file, /relayrunner-plugin-heartbeat\/dist\/heartbeat\.js$/)
    child.kill('SIGTERM')
    assert.deepEqual((await ended)[0], 0)
  })
}
