import assert from 'node:assert/strict'
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { copyFileSync, readFileSync, symlinkSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { isAlive } from '../helpers/pool.js'
import { childrenOf, commandOf } from '../helpers/processes.js'
import { fixture, missing, projectFolder, rrCommand, shippedFolder } from '../helpers/project.js'
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

const noNohup = spawnSync('nohup', ['true'], { stdio: 'ignore' }).status === 0 ? false : 'there is no nohup'
const config = lambdaConfig(workerText('who'), { count: 2 })

async function workersOf(rr: RunningRr): Promise<readonly number[]> {
  await started(rr)
  return childrenOf(rr.child.pid ?? 0).filter((pid) => commandOf(pid).includes('who.mjs'))
}

/** Sends SIGHUP, then something that is noticed only by a server that lives. */
async function livesOn(rr: RunningRr): Promise<void> {
  rr.child.kill('SIGHUP')
  assert.match((await invoke(rr, '1')).body, /^\d+$/)
  rr.child.kill('SIGTERM')
  assert.equal(await rr.ended, 0, rr.text())
}

for (const [name, words] of [
  ['nohup', ['nohup', rrCommand]],
  ['a shell that ignores it and becomes rr', ['sh', '-c', `trap '' HUP; exec ${rrCommand} "$@"`, 'sh']],
  [
    'a shell that ignores it and waits for node',
    ['bash', '-c', `trap '' HUP; node ${rrCommand} "$@"; exit $?`, 'bash'],
  ],
] as const) {
  test(`started by ${name}: a hangup does not end it`, { skip: noNohup }, async (t) => {
    const rr = await startRr(t, ['serve'], { config, command: words })
    await started(rr)
    if (words[0] !== 'bash') return livesOn(rr)
    const server = childrenOf(rr.child.pid ?? 0)[0] ?? 0
    process.kill(server, 'SIGHUP')
    assert.match((await invoke(rr, '1')).body, /^\d+$/)
    process.kill(server, 'SIGTERM')
    assert.equal(await rr.ended, 0, rr.text())
  })
}

test('otherwise a hangup is an orderly stop: jobs end, no worker is left, exit 0', async (t) => {
  for (const command of [[rrCommand], [process.execPath, rrCommand]] as const) {
    const rr = await startRr(t, ['serve'], { config, command: command as readonly [string] })
    const workers = await workersOf(rr)
    rr.child.kill('SIGHUP')
    assert.equal(await rr.ended, 0, rr.text())
    assert.ok(rr.lines().some(({ message }) => message === 'stopped'))
    assert.deepEqual(workers.filter(isAlive), [])
  }
})

test('no worker hears whether a hangup is ignored', async (t) => {
  const rr = await startRr(t, ['serve'], {
    config: lambdaConfig(workerText('tells-process')),
    command: [rrCommand],
  })
  await started(rr)
  for (const pid of childrenOf(rr.child.pid ?? 0))
    assert.doesNotMatch(readFileSync(`/proc/${pid}/environ`, 'latin1'), /RELAYRUNNER_HANGUP/)
})

/** A command on a terminal of its own, in a folder with a server's file. */
async function onTerminal(t: TestContext, command: string, worker = 'who') {
  const folder = await testFolder(t)
  await writeFile(join(folder, 'rr.yaml'), lambdaConfig(workerText(worker), { count: 1 }))
  const child = spawn('python3', [fixture('terminal.py'), 'bash', '-c', command], {
    cwd: folder,
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  t.after(() => child.kill('SIGKILL'))
  let shown = ''
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    shown += chunk
  })
  const log = () => {
    try {
      return readFileSync(join(folder, 'log'), 'utf8')
    } catch {
      // It has not begun yet.
      return ''
    }
  }
  await eventually(() => /server started/.test(log()))
  return { child, folder, log, shown: () => shown, press: (words: string) => child.stdin.write(`${words}\n`) }
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode === null) await once(child, 'exit')
}

function pidIn(log: string): number {
  return Number(/"pid":(\d+),"pools"/.exec(log)?.[1])
}

const skip = missing('python3')

test('a terminal that goes ends the server in order', { skip }, async (t) => {
  const run = await onTerminal(t, `${rrCommand} serve -o logs.encoding=json 2>log`)
  run.press('hangup')
  await eventually(() => /"stopped"/.test(run.log()))
  await eventually(() => !isAlive(pidIn(run.log())))
  await ended(run.child)
})

test('a terminal that goes does not end a server under nohup, also one that node runs', {
  skip,
}, async (t) => {
  for (const how of [rrCommand, `${process.execPath} ${rrCommand}`, `setsid ${rrCommand}`]) {
    const run = await onTerminal(t, `nohup ${how} serve -o logs.encoding=json 2>log & wait`)
    const pid = pidIn(run.log())
    t.after(() => isAlive(pid) && process.kill(pid, 'SIGKILL'))
    run.press('hangup')
    await ended(run.child)
    assert.ok(isAlive(pid))
    process.kill(pid, 'SIGTERM')
    await eventually(() => /"stopped"/.test(run.log()))
    await eventually(() => !isAlive(pid))
  }
})

test('Ctrl-C reaches rr twice under docker-entrypoint and is one signal: the running job ends, exit 0', {
  skip,
}, async (t) => {
  const folder = await testFolder(t)
  const script = join(folder, 'docker-entrypoint')
  copyFileSync(join(projectFolder, 'docker-entrypoint'), script)
  symlinkSync(shippedFolder, join(folder, 'dist'))
  const run = await onTerminal(t, `exec ${script} serve -o logs.encoding=json 2>log`, 'sleeps-and-tells')
  const url = /"invoke":"([^"]+)"/.exec(run.log())?.[1] ?? ''
  const answer = fetch(url, { method: 'POST', body: '700' }).then((response) => response.text())
  await eventually(() => /"running"/.test(run.log()))
  run.press('key C')
  assert.equal(await answer, 'told')
  await ended(run.child)
  assert.match(run.shown(), /\[exit 0\]/)
  assert.match(run.log(), /1 job still runs, up to 60 s; Ctrl-C again to kill/)
})
