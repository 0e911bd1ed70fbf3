import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { pathToFileURL } from 'node:url'
import { startBootstrap } from '../helpers/bootstrap.js'
import { cannotEndWithUs, endingWithUs } from '../helpers/mortal.js'
import { childrenOf, commandOf, isRunning, processes, withVariable } from '../helpers/processes.js'
import { buildFolder, rrCommand } from '../helpers/project.js'
import {
  invoke,
  invokeAt,
  lambdaConfig,
  type RunningRr,
  started,
  startRr,
  workerText,
} from '../helpers/rr.js'
import { testApi } from '../helpers/runtime-api.js'
import { watchdogsOf } from '../helpers/storm.js'
import { eventually } from '../helpers/wait.js'

const withinMs = 2000

/** Interface §5: within two seconds none is left. Asserted as stated. */
async function goneInTime(pids: readonly number[]): Promise<void> {
  const since = performance.now()
  await eventually(() => pids.every((pid) => !isRunning(pid)))
  assert.ok(performance.now() - since < withinMs, `it took ${performance.now() - since} ms`)
}

async function pidOf(rr: RunningRr, message: RegExp): Promise<number> {
  return Number((await rr.line((line) => line.logger === 'worker' && message.test(line.message))).pid)
}

function busy(t: TestContext, worker: string): Promise<RunningRr> {
  return startRr(t, ['serve'], { config: lambdaConfig(workerText(worker), { count: 2 }) })
}

for (const [worker, says] of [
  ['cpu-loop', /looping/],
  ['sleeps', /sleeping/],
  ['ignores-term', /deaf/],
] as const) {
  test(`a killed server leaves no worker that ${worker}`, async (t) => {
    const rr = await busy(t, worker)
    invoke(rr, '1').catch(() => undefined)
    const pid = await pidOf(rr, says)
    rr.child.kill('SIGKILL')
    await rr.ended
    await goneInTime([pid])
  })
}

test('inside Lambda one watchdog will do: a killed bootstrap leaves no busy worker', async (t) => {
  const api = await testApi(t)
  const rr = await startBootstrap(t, api, { config: lambdaConfig(workerText('cpu-loop'), { more: '' }) })
  invokeAt(api.invokeUrl, '1').catch(() => undefined)
  const pid = await pidOf(rr, /looping/)
  assert.equal(watchdogsOf(rr.child.pid ?? 0).length, 1)
  rr.child.kill('SIGKILL')
  await rr.ended
  await goneInTime([pid])
})

test('a killed server leaves no child of a worker', async (t) => {
  const rr = await busy(t, 'keeps-child')
  invoke(rr, '1').catch(() => undefined)
  const line = await rr.line((one) => one.logger === 'worker' && one.message.startsWith('child '))
  rr.child.kill('SIGKILL')
  await rr.ended
  await goneInTime([Number(line.pid), Number(line.message.split(' ')[1])])
})

test('a stopped (SIGSTOP) worker does not outlive a killed server', async (t) => {
  const rr = await startRr(t, ['serve'], { config: lambdaConfig(workerText('who'), { count: 1 }) })
  const pid = Number((await invoke(rr, '1')).body)
  process.kill(pid, 'SIGSTOP')
  rr.child.kill('SIGKILL')
  await rr.ended
  await goneInTime([pid])
})

test('a server killed while it spawns workers leaves none', async (t) => {
  // A word of its own finds the workers in the process table, whoever their parent is by then.
  for (let round = 0; round < 4; round += 1) {
    const mark = `orphan-${process.pid}-${round}`
    const rr = await startRr(t, ['serve'], {
      config: lambdaConfig(workerText('silent-pid', mark), { count: 6 }),
    })
    await eventually(() => marked(mark).length > round)
    rr.child.kill('SIGKILL')
    await rr.ended
    await eventually(() => marked(mark).length === 0)
  }
})

test('a server killed with its whole process group leaves no worker', async (t) => {
  const rr = await startRr(t, ['validate'], { config: lambdaConfig(workerText('who'), { count: 3 }) })
  assert.equal(await rr.ended, 0, rr.text())
  const [file, ...words] = endingWithUs([process.execPath, rrCommand, 'serve', '-c', 'rr.yaml'])
  const child = spawn(file, words, {
    cwd: rr.folder,
    detached: true,
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  t.after(() => child.kill('SIGKILL'))
  await eventually(() => childrenOf(child.pid ?? 0).length >= 3)
  const pids = childrenOf(child.pid ?? 0)
  process.kill(-(child.pid ?? 0), 'SIGKILL')
  await once(child, 'exit')
  await goneInTime(pids)
})

test('when the watchdog is killed a new one guards the workers that live', async (t) => {
  const rr = await startRr(t, ['serve'], { config: lambdaConfig(workerText('who'), { count: 2 }) })
  const pid = Number((await invoke(rr, '1')).body)
  const server = rr.child.pid ?? 0
  await eventually(() => watchdogsOf(server).length === 2)
  const [watchdog = 0] = watchdogsOf(server)
  process.kill(watchdog, 'SIGKILL')
  await rr.line((line) => line.message === 'the watchdog died, starting a new one')
  await eventually(() => watchdogsOf(server).length === 2)
  assert.equal((await invoke(rr, '1')).status, 200)
  rr.child.kill('SIGKILL')
  await rr.ended
  await goneInTime([pid])
})

test('a watchdog and the server killed in one moment leave no worker: the other watchdog guards', async (t) => {
  const rr = await busy(t, 'cpu-loop')
  invoke(rr, '1').catch(() => undefined)
  const pid = await pidOf(rr, /looping/)
  const server = rr.child.pid ?? 0
  await eventually(() => watchdogsOf(server).length === 2)
  process.kill(watchdogsOf(server)[1] ?? 0, 'SIGKILL')
  rr.child.kill('SIGKILL')
  await rr.ended
  await goneInTime([pid])
})

test('a stop leaves neither watchdog nor private folder', async (t) => {
  const rr = await startRr(t, ['serve'], { config: lambdaConfig(workerText('who'), { count: 2 }) })
  const { control } = await started(rr)
  const all = childrenOf(rr.child.pid ?? 0)
  rr.child.kill('SIGTERM')
  assert.equal(await rr.ended, 0)
  await goneInTime(all)
  assert.ok(!existsSync(dirname(String(control).replace('unix://', ''))))
})

test('a trial that is killed leaves neither its server nor a worker', {
  skip: cannotEndWithUs,
}, async (t) => {
  const module = pathToFileURL(join(buildFolder, 'tests/helpers/storm.js')).href
  // Longer than a busy machine takes to boot a worker: the kill comes before the end.
  const round = `await stormRound(4, 'none', 60_000)`
  const script = `const { stormRound } = await import(${JSON.stringify(module)}); ${round}`
  const mark = `RR_KILLED_TRIAL=${process.pid}`
  const env = { ...process.env, RR_KILLED_TRIAL: String(process.pid) }
  const trial = spawn(process.execPath, ['--input-type=module', '-e', script], { env, stdio: 'ignore' })
  t.after(() => {
    for (const pid of withVariable(mark)) process.kill(pid, 'SIGKILL')
  })
  await eventually(() => withVariable(mark).some((pid) => commandOf(pid).includes('nasty.mjs')))
  trial.kill('SIGKILL')
  await once(trial, 'exit')
  await eventually(() => withVariable(mark).length === 0)
})

function marked(word: string): number[] {
  return processes().filter((pid) => commandOf(pid).includes(word))
}
