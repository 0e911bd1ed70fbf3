import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { type TestContext, test } from 'node:test'
import { pathToFileURL } from 'node:url'
import { isAlive } from '../../../helpers/pool.js'
import { stateOf } from '../../../helpers/processes.js'
import { buildFolder } from '../../../helpers/project.js'
import { testFolder } from '../../../helpers/rr.js'
import { watchdogsOf } from '../../../helpers/storm.js'
import { eventually } from '../../../helpers/wait.js'

const cannotAsk =
  spawnSync('setpriv', ['--pdeathsig', 'CONT', 'true']).status === 0
    ? false
    : 'there is no setpriv with --pdeathsig: nobody continues a stopped watchdog here'

// A server in small: watchdogs, and one child that holds their descriptors as a launcher does. It says the child's pid.
const server = `
const { Watchdog } = await import(process.argv[1])
const { spawn } = await import('node:child_process')
const log = { debug() {}, info() {}, warn() {}, error() {}, isEnabled: () => true, named: () => log }
const watchdog = new Watchdog({ folder: process.argv[2], log })
await watchdog.start()
await new Promise((resolve) => setImmediate(resolve))
const stdio = ['ignore', 'ignore', 'ignore', ...watchdog.registerFds]
const child = spawn('/bin/sh', ['-c', process.argv[3]], { detached: true, stdio })
watchdog.add(child.pid)
console.log(child.pid)
setInterval(() => undefined, 100000)
`

async function startServer(t: TestContext, launcher: string) {
  const module = pathToFileURL(join(buildFolder, 'src/supervisor/worker/os/watchdog.js')).href
  const args = ['--input-type=module', '-e', server, module, await testFolder(t), launcher]
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  t.after(() => child.kill('SIGKILL'))
  const [line]: string[] = await once(createInterface(child.stdout), 'line')
  const pid = child.pid ?? 0
  await eventually(() => watchdogsOf(pid).length === 2)
  return { server: child, launcher: Number(line), watchdogs: () => watchdogsOf(pid) }
}

test('a launcher that somebody stopped does not keep the watchdogs waiting', {
  skip: cannotAsk,
}, async (t) => {
  const { server, launcher } = await startServer(t, 'kill -s STOP $$')
  await eventually(() => stateOf(launcher) === 'T')
  server.kill('SIGKILL')
  await eventually(() => !isAlive(launcher))
})

test('watchdogs that somebody stopped kill all the same', { skip: cannotAsk }, async (t) => {
  const { server, launcher, watchdogs } = await startServer(t, 'exec sleep 600')
  const both = watchdogs()
  for (const pid of both) process.kill(pid, 'SIGSTOP')
  await eventually(() => both.every((pid) => stateOf(pid) === 'T'))
  server.kill('SIGKILL')
  await eventually(() => [launcher, ...both].every((pid) => !isAlive(pid)))
})

test('watchdogs that are continued without need go on guarding', async (t) => {
  const { server, launcher, watchdogs } = await startServer(t, 'exec sleep 600')
  const [one = 0, other = 0] = watchdogs()
  for (let round = 0; round < 50; round += 1) {
    for (const pid of [one, other]) process.kill(pid, 'SIGCONT')
    await eventually(() => stateOf(one) === 'S' && stateOf(other) === 'S')
  }
  if (!isAlive(launcher)) throw new Error('a watchdog killed what it guards')
  server.kill('SIGKILL')
  await eventually(() => [launcher, one, other].every((pid) => !isAlive(pid)))
})
