import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { dirname, join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { setTimeout } from 'node:timers/promises'
import { startBootstrap } from '../helpers/bootstrap.js'
import { freeze, treeOf } from '../helpers/freeze.js'
import { missing, rrCommand } from '../helpers/project.js'
import { invokeAt, lambdaConfig, sqsEvent, started, testFolder, workerText } from '../helpers/rr.js'
import { type TestApi, testApi } from '../helpers/runtime-api.js'
import { eventually } from '../helpers/wait.js'

const isRegister = ({ path }: { readonly path: string }) => path.endsWith('/extension/register')
const isNext = ({ path }: { readonly path: string }) => path.endsWith('/invocation/next')
const isExtensionNext = ({ path }: { readonly path: string }) => path.endsWith('/extension/event/next')
const echo = lambdaConfig(workerText('echo'), { count: 2, more: '' })

test('the extension registers once, without events, before the first /next, and one call stays open', async (t) => {
  const api = await testApi(t)
  await startBootstrap(t, api, { config: echo })
  for (const event of ['1', '2', '3']) assert.equal((await invokeAt(api.invokeUrl, event)).body, event)
  await api.call(isExtensionNext)
  const registers = api.calls.filter(isRegister)
  assert.equal(registers.length, 1)
  assert.deepEqual(JSON.parse(registers[0]?.body ?? ''), { events: [] })
  assert.equal(registers[0]?.headers['lambda-extension-name'], 'relayrunner-internal')
  assert.match(String(registers[0]?.headers['user-agent']), /^relayrunner\//)
  assert.ok(api.calls.findIndex(isRegister) < api.calls.findIndex(isNext))
  assert.equal(api.calls.filter(isExtensionNext).length, 1)
})

const refusals: readonly (readonly [what: string, refuse: (response: ServerResponse) => void])[] = [
  ['404', (response) => response.writeHead(404).end()],
  ['403', (response) => response.writeHead(403).end('{"errorType":"Extension.RegistrationClosed"}')],
  ['an end of the connection', (response) => response.destroy()],
  ['200 without an identifier', (response) => response.writeHead(200).end('{}')],
]
for (const [what, refuse] of refusals) {
  test(`where extensions are refused with ${what} we go on without a word`, async (t) => {
    const api = await testApi(t, {
      fault: ({ url }: IncomingMessage, response: ServerResponse) => {
        if (url?.endsWith('/extension/register') !== true) return false
        refuse(response)
        return true
      },
    })
    const rr = await startBootstrap(t, api, { config: echo })
    assert.equal((await invokeAt(api.invokeUrl, '1')).body, '1')
    await started(rr)
    assert.equal(api.calls.filter(isRegister).length, 1)
    assert.ok(!api.calls.some(isExtensionNext))
    assert.deepEqual(
      rr.lines().filter(({ level, logger }) => level !== 'info' || logger === 'lambda'),
      [],
    )
  })
}

/** Freezes the whole environment for two seconds while it is idle. */
async function frozen(pid: number | undefined): Promise<void> {
  assert.ok(pid !== undefined)
  await freeze(treeOf(pid), 2)
}

test('a freeze costs no worker and no event, and no timer expires because of it', async (t) => {
  const api = await testApi(t)
  const config = lambdaConfig(workerText('who'), {
    count: 2,
    more: '',
  }).replace('num_workers: 2', 'num_workers: 2, allocate_timeout: 1s, supervisor: { exec_ttl: 1s }')
  const rr = await startBootstrap(t, api, { config })
  const pids = async () => {
    const event = JSON.stringify(sqsEvent(['a', 'b']))
    await invokeAt(api.invokeUrl, event)
    return treeOf(rr.child.pid ?? 0)
  }
  await started(rr)
  const before = await pids()
  const answers: string[] = []
  for (let times = 0; times < 2; times += 1) {
    await frozen(rr.child.pid)
    answers.push((await invokeAt(api.invokeUrl, '1')).body)
  }
  for (const answer of answers)
    assert.ok(before.includes(Number(answer)), `${answer} is a worker that was not there`)
  assert.deepEqual(await pids(), before)
  assert.deepEqual(
    rr.lines().filter(({ level }) => level !== 'info'),
    [],
  )
})

test('an event that comes during a freeze is answered within its own time: the freeze moves no deadline', async (t) => {
  const api = await testApi(t, { timeoutMs: 6000 })
  const config = lambdaConfig(workerText('by-number'), { count: 1, more: '' })
  const rr = await startBootstrap(t, api, { config })
  const pid = rr.child.pid ?? 0
  // The timers of an event that was just answered are still there when the freeze begins, as they are in Lambda.
  assert.equal((await invokeAt(api.invokeUrl, '0')).body, 'null')
  await eventually(() => api.calls.filter(isNext).length === 2)
  const frozenFor = freeze(treeOf(pid), 3)
  await eventually(() => /^State:\tT/m.test(readFileSync(`/proc/${pid}/status`, 'latin1')))
  const answer = invokeAt(api.invokeUrl, '600000')
  await frozenFor
  const { errorType, errorMessage } = JSON.parse((await answer).body)
  assert.equal(errorType, 'RR.WorkerTimeout', errorMessage)
})

test('neither /next nor the extension’s call has a time limit: both outlast a freeze', async (t) => {
  const sockets = new Set<unknown>()
  const api = await testApi(t, {
    fault: ({ url, socket }: IncomingMessage) => {
      if (url?.endsWith('/next') === true) sockets.add(socket)
      return false
    },
  })
  const rr = await startBootstrap(t, api, { config: echo })
  assert.equal((await invokeAt(api.invokeUrl, '1')).body, '1')
  await api.call(isExtensionNext)
  // All workers are there, so that no process ends or begins while the tree is listed.
  await started(rr)
  await eventually(() => api.calls.filter(isNext).length === 2)
  await frozen(rr.child.pid)
  assert.equal((await invokeAt(api.invokeUrl, '2')).body, '2')
  await eventually(() => api.calls.filter(isNext).length === 3)
  assert.equal(sockets.size, 2)
})

test('what an environment that was reset left in /tmp does not hinder the next one', async (t) => {
  const api = await testApi(t)
  const folder = await testFolder(t)
  const config = lambdaConfig(workerText('relay-echo'), { more: '' }).replace(
    'server: {',
    'server: { relay: "unix://relay.sock",',
  )
  const first = await startBootstrap(t, api, { config, folder })
  const { control } = await started(first)
  const socket = String(control).replace('unix://', '')
  const pids = treeOf(first.child.pid ?? 0)
  // Lambda kills all at once, and keeps the files.
  for (const pid of pids) process.kill(pid, 'SIGKILL')
  await first.ended
  assert.ok(existsSync(socket) && existsSync(join(folder, 'relay.sock')), 'nothing was left behind')
  const second = await testApi(t)
  await startBootstrap(t, second, { folder })
  assert.equal((await invokeAt(second.invokeUrl, '2')).body, '2')
  assert.ok(readdirSync(dirname(socket)).length > 0)
})

/** Workers that become ready when the test says so. */
async function byTurns(t: TestContext, about: { readonly count: number; readonly lambda?: string }) {
  const folder = await testFolder(t)
  const count = (prefix: string) => readdirSync(folder).filter((name) => name.startsWith(prefix)).length
  const readyAtNext: number[] = []
  const api: TestApi = await testApi(t, {
    fault: ({ url }: IncomingMessage) => {
      if (url?.endsWith('/invocation/next') === true) readyAtNext.push(count('ready-'))
      return false
    },
  })
  const config = lambdaConfig(workerText('ready-by-turns', folder), { more: '', ...about })
  const rr = await startBootstrap(t, api, { config })
  const go = (turn: number) => writeFile(join(folder, `go-${turn}`), '')
  return { rr, api, folder, count, go, readyAtNext }
}

/** Long enough for workers that should not have been started to show up. */
const settleMs = 300

test('the first worker boots alone, the others side by side once the first event is asked for', async (t) => {
  const { api, count, go, readyAtNext } = await byTurns(t, { count: 4 })
  await eventually(() => count('turn-') === 1)
  await setTimeout(settleMs)
  assert.equal(count('turn-'), 1)
  assert.deepEqual(readyAtNext, [])
  await go(0)
  await api.call(isNext)
  // None of them is let go: all are started all the same.
  await eventually(() => count('turn-') === 4)
  assert.equal(count('ready-'), 1)
  assert.deepEqual(readyAtNext, [1])
})

test('the first event is asked for and served by one worker while the others still boot', async (t) => {
  const { api, folder, count, go, readyAtNext } = await byTurns(t, { count: 3 })
  await go(0)
  await eventually(() => count('turn-') === 3)
  assert.deepEqual(readyAtNext, [1])
  await writeFile(join(folder, 'free'), '')
  assert.equal((await invokeAt(api.invokeUrl, 'free')).body, '"waited"')
  assert.equal(count('ready-'), 1)
})

test('min_ready workers boot side by side, and all are ready before the first /next', async (t) => {
  const { api, count, go, readyAtNext } = await byTurns(t, { count: 4, lambda: 'min_ready: 2' })
  await eventually(() => count('turn-') === 2)
  await go(1)
  await eventually(() => count('ready-') === 1)
  await setTimeout(settleMs)
  assert.equal(count('turn-'), 2)
  assert.deepEqual(readyAtNext, [])
  await go(0)
  await api.call(isNext)
  await eventually(() => count('turn-') === 4)
  assert.deepEqual(readyAtNext, [2])
})

test('more workers than there are descriptors for is reported at the start, with the numbers', async (t) => {
  const api = await testApi(t)
  const folder = await testFolder(t)
  await writeFile(join(folder, 'rr.yaml'), lambdaConfig(workerText('echo'), { count: 10, more: '' }))
  const words = ['-c', 'ulimit -n 100 && exec "$@"', 'lambda', process.execPath, rrCommand, 'bootstrap']
  const env = { ...process.env, AWS_LAMBDA_RUNTIME_API: api.address, AWS_LAMBDA_LOG_FORMAT: 'JSON' }
  const child = spawn('/bin/sh', words, { cwd: folder, env, stdio: ['ignore', 'pipe', 'inherit'] })
  t.after(async () => {
    if (child.exitCode !== null || child.signalCode !== null) return
    child.kill('SIGKILL')
    await once(child, 'exit')
  })
  let text = ''
  for await (const chunk of child.stdout) {
    text += chunk
    if (!text.includes('too few descriptors for so many workers')) continue
    break
  }
  const line = text.split('\n').find((one) => one.includes('too few descriptors'))
  const { level, workers, needed, limit } = JSON.parse(line ?? '')
  assert.deepEqual([level, workers, needed, limit], ['WARN', 10, 104, 100])
})

test('a worker’s death fails its event, the worker is replaced, and the same process polls on', async (t) => {
  const api = await testApi(t)
  const rr = await startBootstrap(t, api, {
    config: lambdaConfig(workerText('by-body'), { count: 1, more: '' }),
  })
  for (let times = 0; times < 3; times += 1) {
    const answer = await invokeAt(api.invokeUrl, 'die')
    assert.equal(JSON.parse(answer.body).errorType, 'RR.WorkerCrashed')
  }
  assert.equal((await invokeAt(api.invokeUrl, 'ok')).body, '"ok"')
  assert.equal(rr.child.exitCode, null)
  assert.equal(api.calls.filter(isRegister).length, 1)
})

test('a worker killed for memory is answered for at once, with the signal, and replaced', async (t) => {
  const api = await testApi(t)
  const rr = await startBootstrap(t, api, {
    config: lambdaConfig(workerText('by-number'), { count: 1, more: '' }),
  })
  const answer = invokeAt(api.invokeUrl, '600000')
  const { pid } = await rr.line(({ message }) => message === 'long 0')
  process.kill(Number(pid), 'SIGKILL')
  const { errorType, errorMessage } = JSON.parse((await answer).body)
  assert.equal(errorType, 'RR.WorkerCrashed')
  assert.match(errorMessage, /ended by SIGKILL/)
  assert.equal((await invokeAt(api.invokeUrl, '0')).body, 'null')
})

test('workers are replaced after max_jobs, between events, and no event is lost or late for it', async (t) => {
  const api = await testApi(t)
  const config = lambdaConfig(workerText('who'), { more: '' }).replace(
    'num_workers: 2',
    'num_workers: 2, max_jobs: 1',
  )
  await startBootstrap(t, api, { config })
  const pids: string[] = []
  for (let event = 0; event < 8; event += 1) pids.push((await invokeAt(api.invokeUrl, '1')).body)
  assert.equal(new Set(pids).size, pids.length)
  for (const pid of pids) assert.match(pid, /^\d+$/)
})

/** The listening TCP sockets of these processes, as /proc lists them. */
function listening(pids: readonly number[]): readonly string[] {
  const own = new Set(
    pids.flatMap((pid) =>
      readdirSync(`/proc/${pid}/fd`).map((fd) => {
        try {
          return readlinkSync(`/proc/${pid}/fd/${fd}`)
        } catch {
          // It was closed meanwhile, e.g. the one of this listing.
          return ''
        }
      }),
    ),
  )
  const listens = '0A'
  return ['tcp', 'tcp6']
    .flatMap((table) => readFileSync(`/proc/net/${table}`, 'latin1').trimEnd().split('\n').slice(1))
    .filter((line) => {
      const [, , , state, , , , , , inode] = line.trim().split(/\s+/)
      return state === listens && own.has(`socket:[${inode}]`)
    })
}

test('inside Lambda we listen on no port', async (t) => {
  const api = await testApi(t)
  const rr = await startBootstrap(t, api, { config: echo })
  assert.equal((await invokeAt(api.invokeUrl, '1')).body, '1')
  assert.deepEqual(listening(treeOf(rr.child.pid ?? 0)), [])
  // The way of looking finds what there is: the API of this test.
  assert.equal(listening([process.pid]).length, 1)
})

for (const [language, handler, name, code, skip] of [
  ['Node', 'index.handler', 'index.mjs', 'export const handler = async () => "ok"', false],
  [
    'Python',
    'index.handler',
    'index.py',
    'def handler(event, context):\n    return "ok"\n',
    missing('python3'),
  ],
] as const) {
  test(`neither we nor workers in ${language} use /dev/shm`, { skip }, async (t) => {
    const api = await testApi(t)
    const rr = await startBootstrap(t, api, { handler, files: { [name]: code } })
    assert.equal((await invokeAt(api.invokeUrl, '1')).body, '"ok"')
    const looked = treeOf(rr.child.pid ?? 0).filter((pid) => {
      const maps = mapsOf(pid)
      assert.ok(maps?.includes('/dev/shm') !== true, `${pid} does`)
      return maps !== undefined
    })
    assert.ok(looked.length >= 2, 'the server and its worker were looked at')
  })
}

/** Reads the memory maps of a process; undefined when it has ended since it was listed. */
function mapsOf(pid: number): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/maps`, 'latin1')
  } catch {
    return undefined
  }
}
