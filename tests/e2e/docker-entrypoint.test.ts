import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { copyFileSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { isAlive } from '../helpers/pool.js'
import { childrenOf, commandOf, stateOf } from '../helpers/processes.js'
import { projectFolder, rrCommand, shippedFolder } from '../helpers/project.js'
import {
  invoke,
  lambdaConfig,
  type RunningRr,
  started,
  startRr,
  testFolder,
  workerText,
} from '../helpers/rr.js'
import { eventually } from '../helpers/wait.js'

const namespace = ['unshare', '--pid', '--fork', '--mount-proc', '--kill-child'] as const
const noNamespace =
  spawnSync(namespace[0], [...namespace.slice(1), 'true']).status === 0
    ? false
    : 'this machine does not let us make a pid namespace'

/** The script as npm installs it: beside the build. */
async function entryPoint(t: TestContext): Promise<string> {
  const folder = await testFolder(t)
  const script = join(folder, 'docker-entrypoint')
  copyFileSync(join(projectFolder, 'docker-entrypoint'), script)
  symlinkSync(shippedFolder, join(folder, 'dist'))
  return script
}

async function start(
  t: TestContext,
  words: readonly string[],
  worker: string,
  isFirst = false,
): Promise<RunningRr> {
  const script = await entryPoint(t)
  const config = lambdaConfig(workerText(worker), { count: 1 })
  return startRr(t, words, { config, command: isFirst ? [...namespace, script] : [script] })
}

/** The only child of a process. */
async function onlyChild(pid: number | undefined): Promise<number> {
  await eventually(() => childrenOf(pid ?? 0).length === 1)
  return childrenOf(pid ?? 0)[0] ?? 0
}

test('a signal reaches rr, which stops cleanly, and its exit code comes back', async (t) => {
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) {
    const rr = await start(t, ['serve'], 'who')
    await started(rr)
    rr.child.kill(signal)
    assert.equal(await rr.ended, 0, rr.text())
    assert.ok(rr.lines().some((line) => line.message === 'stopped'))
  }
})

test('a second signal reaches rr too: the wait goes on after the first', async (t) => {
  const rr = await start(t, ['serve'], 'ignores-term')
  invoke(rr, '1').catch(() => undefined)
  await rr.line((line) => line.logger === 'worker' && line.message === 'deaf')
  rr.child.kill('SIGTERM')
  await rr.line((line) => line.message === 'stopping')
  rr.child.kill('SIGTERM')
  assert.equal(await rr.ended, 1, rr.text())
})

test('the exit code of a faulty configuration comes back', async (t) => {
  const script = await entryPoint(t)
  const rr = await startRr(t, ['serve'], {
    config: 'version: "3"\nserver: { nonsense: 1 }\n',
    command: [script],
  })
  assert.equal(await rr.ended, 78, rr.text())
})

test('without arguments it serves; a signal that ends rr comes back as 128 and its number', async (t) => {
  const rr = await start(t, [], 'who')
  await started(rr)
  process.kill(await onlyChild(rr.child.pid), 'SIGKILL')
  assert.equal(await rr.ended, 137)
})

test('standard input reaches rr', async (t) => {
  const script = await entryPoint(t)
  const rr = await startRr(t, ['serve'], { config: lambdaConfig(workerText('echo'), { count: 1 }) })
  const { host } = new URL(String((await started(rr)).invoke))
  const run = spawnSync(script, ['invoke', '-', '--address', host], {
    input: '"by standard input"',
    cwd: rr.folder,
    encoding: 'utf8',
  })
  assert.match(run.stdout, /by standard input/, run.stderr)
})

test('as process 1 it reaps orphans, forwards the signal and returns the code', {
  skip: noNamespace,
}, async (t) => {
  const rr = await start(t, ['serve'], 'leaves-orphan', true)
  await started(rr)
  const first = await onlyChild(rr.child.pid)
  assert.equal((await invoke(rr, '1')).status, 200)
  const orphans = () => childrenOf(first).filter((pid) => commandOf(pid).startsWith('sleep 600'))
  await eventually(() => orphans().length === 1)
  const [orphan = 0] = orphans()
  process.kill(orphan, 'SIGKILL')
  // A zombie is still in the table.
  await eventually(() => !isAlive(orphan))
  assert.ok(childrenOf(first).every((pid) => stateOf(pid) !== 'Z'))
  process.kill(first, 'SIGTERM')
  assert.equal(await rr.ended, 0, rr.text())
  assert.ok(!rr.lines().some((line) => /process 1/.test(line.message)))
})

test('rr as process 1 without it says so, once', { skip: noNamespace }, async (t) => {
  const command = [...namespace, process.execPath, rrCommand] as const
  const rr = await startRr(t, ['serve'], { config: lambdaConfig(workerText('who'), { count: 2 }), command })
  await started(rr)
  assert.equal(rr.lines().filter((line) => /^rr is process 1/.test(line.message)).length, 1)
  process.kill(await onlyChild(rr.child.pid), 'SIGTERM')
  assert.equal(await rr.ended, 0)
})
