import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'
import { rrCommand } from '../../helpers/project.js'
import { started, startRr } from '../../helpers/rr.js'
import { eventually } from '../../helpers/wait.js'

const rr = (folder: string, words: readonly string[]) =>
  spawnSync(process.execPath, [rrCommand, ...words], { cwd: folder, encoding: 'utf8' })

const address = ['-o', 'emulator.address=127.0.0.1:0']

test('a program that is not a worker: the banner comes at once, then a hint, and pools show as starting', async (t) => {
  const config = 'version: "3"\nserver: { command: "node web.mjs" }\nlambda: { pool: { num_workers: 2 } }\n'
  const files = { 'web.mjs': 'setInterval(() => undefined, 1000)\n' }
  const server = await startRr(t, ['dev', ...address], { config, files })
  await eventually(() => /lambda +starting 2 workers +node web\.mjs\n[\s\S]*invoke +http/.test(server.text()))
  assert.match(rr(server.folder, ['pools']).stdout, /lambda +starting +2 +0 /)
  await eventually(() => server.text().includes('is the command a RelayRunner or RoadRunner worker?'))
  assert.doesNotMatch(server.text(), /^ready:/m)
  server.child.kill('SIGTERM')
  assert.equal(await server.ended, 0)
})

test('a server without a lambda section says that nothing will answer', async (t) => {
  const server = await startRr(t, ['dev', ...address, '-o', 'logs.encoding=json'], {
    config: 'version: "3"\n',
  })
  await started(server)
  assert.ok(
    server.lines().some(({ level, message }) => level === 'warn' && message.includes('will not be answered')),
  )
})

test('what keeps a server from starting is one line with its code and one with what to do', async (t) => {
  const config = 'version: "3"\nemulator: { address: "127.0.0.1:0" }\n'
  const first = await startRr(t, ['serve'], { config })
  await started(first)
  const again = rr(first.folder, ['serve'])
  assert.equal(again.status, 1)
  assert.match(again.stderr, /^rr: RR_ALREADY_RUNNING: [^\n]+\n {4}[^\n]+\n$/)
  const { invoke } = await started(first)
  const other = await startRr(t, ['serve', '-o', `emulator.address=${new URL(String(invoke)).host}`], {
    config,
  })
  assert.equal(await other.ended, 1)
  assert.match(other.text(), /^rr: RR_ADDRESS_IN_USE: [^\n]+\n {4}[^\n]+\n$/)
})
