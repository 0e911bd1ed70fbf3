/** Tests `rr logs` against a running server. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { type TestContext, test } from 'node:test'
import { rr } from '../../helpers/command.js'
import { endingWithUs } from '../../helpers/mortal.js'
import { rrCommand } from '../../helpers/project.js'
import { invoke, invokeAt, lambdaConfig, started, startRr, workerText } from '../../helpers/rr.js'
import { eventually } from '../../helpers/wait.js'

/** Follows the log of the server in a folder; killed when the test ends. */
function follow(t: TestContext, folder: string, words: readonly string[]) {
  const [file, ...first] = endingWithUs([process.execPath, rrCommand])
  const child = spawn(file, [...first, 'logs', '-f', ...words], {
    cwd: folder,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  t.after(() => child.kill('SIGKILL'))
  const texts = { out: '', err: '' }
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    texts.out += chunk
  })
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
    texts.err += chunk
  })
  return { child, texts, ended: once(child, 'close') }
}

async function startTalking(t: TestContext) {
  const server = await startRr(t, ['serve'], {
    config: lambdaConfig(workerText('talks'), { count: 1 }),
  })
  await started(server)
  return server
}

test('rr logs shows the last lines, whatever the log is written as, and filters them', async (t) => {
  const server = await startTalking(t)
  const { requestId } = await invoke(server, 3)
  await server.line((line) => line.logger === 'worker')
  const all = await rr(server.folder, ['logs'])
  assert.equal(all.code, 0)
  assert.match(all.out, /^\d\d:\d\d:\d\d\.\d\d\d INFO {2}server {3}server started /m)
  const one = await rr(server.folder, ['logs', '--json', '--job', requestId])
  const lines: readonly { readonly job: string; readonly pid: number }[] = one.out
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line))
  assert.ok(lines.length > 0 && lines.every((line) => line.job === requestId), one.out)
  const pid = String(lines[0]?.pid)
  const byPid = await rr(server.folder, ['logs', '--json', '--worker', pid, '-n', '1'])
  assert.equal(byPid.out.trimEnd().split('\n').length, 1)
  assert.equal(JSON.parse(byPid.out).pid, Number(pid))
  for (const words of [
    ['--pool', 'other'],
    ['--level', 'error'],
    ['--grep', 'nothing like it'],
    ['-n', '0'],
  ])
    assert.equal((await rr(server.folder, ['logs', ...words])).out, '', words.join(' '))
})

test('rr logs -f goes on with new lines, and says that the server has ended', async (t) => {
  const server = await startRr(t, ['serve'], {
    config: `${lambdaConfig(workerText('talks'), { count: 1 })}logs: { encoding: console }\n`,
  })
  await eventually(() => server.text().includes('ready: '))
  const url = /invoke +(http\S+)/.exec(server.text())?.[1] ?? ''
  const { texts, ended } = follow(t, server.folder, ['--json', '--pool', 'lambda'])
  for (let round = 1; round <= 2; round += 1) {
    const { requestId } = await invokeAt(url, '3')
    await eventually(() => texts.out.includes(requestId))
  }
  const lines = texts.out.trimEnd().split('\n')
  assert.ok(lines.every((line) => JSON.parse(line).pool === 'lambda'))
  server.child.kill('SIGTERM')
  assert.deepEqual(await ended, [0, null])
  assert.match(texts.err, /^rr: the server has ended$/m)
})

test('Ctrl-C ends rr logs -f with 0', async (t) => {
  const server = await startTalking(t)
  const { child, texts, ended } = follow(t, server.folder, [])
  await eventually(() => texts.out.includes('server started'))
  child.kill('SIGINT')
  assert.deepEqual(await ended, [0, null])
})

test('a follower that is stopped holds nothing up, and is told how many lines it missed', async (t) => {
  const server = await startTalking(t)
  const { child, texts } = follow(t, server.folder, ['--json'])
  await eventually(() => texts.out.includes('server started'))
  child.kill('SIGSTOP')
  for (let round = 0; round < 5; round += 1) await invoke(server, 1000)
  await server.line((line) => line.message === 'line 999')
  child.kill('SIGCONT')
  await eventually(() => /rr: \d+ lines came too fast/.test(texts.err))
  await eventually(() => texts.out.includes('line 999'))
})

test('rr logs says what is wrong with its words', async (t) => {
  const server = await startTalking(t)
  for (const [words, text] of [
    [['--worker', 'x'], '--worker takes a pid'],
    [['--level', 'loud'], '--level takes debug, info, warn, error'],
    [['-n', '-1'], '-n takes a number'],
  ] as const) {
    const { code, err } = await rr(server.folder, ['logs', ...words])
    assert.equal(code, 2)
    assert.ok(err.includes(text), err)
  }
  assert.match((await rr(server.folder, ['logs', '--help'])).out, /Examples:\n {2}rr logs -n 20/)
})
