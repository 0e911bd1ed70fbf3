import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'
import { isAlive } from '../../helpers/pool.js'
import { rrCommand } from '../../helpers/project.js'
import { invokeAt, lambdaConfig, type RunningRr, startRr, workerText } from '../../helpers/rr.js'
import { eventually } from '../../helpers/wait.js'

const config = lambdaConfig(workerText('who'), { count: 1, more: '' })

async function urlOf(rr: RunningRr): Promise<string> {
  const { address } = await rr.line(({ message }) => message === 'waiting for events')
  return `http://${address}/2015-03-31/functions/function/invocations`
}

test('the function of a folder runs as in Lambda, its life is told, and SIGTERM ends it with 0', async (t) => {
  const rr = await startRr(t, ['lambda', 'run', '--address', '127.0.0.1:0'], { config })
  const worker = Number((await invokeAt(await urlOf(rr), '1')).body)
  assert.ok(isAlive(worker))
  await rr.line(({ message }) => message === 'frozen')
  rr.child.kill('SIGTERM')
  assert.equal(await rr.ended, 0)
  assert.ok(!isAlive(worker))
  const told = rr.lines().filter(({ logger }) => logger === 'emulator')
  assert.deepEqual(
    told.map(({ message }) => message),
    [
      'waiting for events',
      'started the environment',
      'initialised',
      'frozen',
      'thawed',
      'ended the environment',
    ],
  )
})

test('rr invoke sends it an event', async (t) => {
  const rr = await startRr(t, ['lambda', 'run', '--address', '127.0.0.1:0', '--no-freeze'], { config })
  const { host } = new URL(await urlOf(rr))
  const sent = spawnSync(process.execPath, [rrCommand, 'invoke', '--address', host], { encoding: 'utf8' })
  assert.equal(sent.status, 0, sent.stderr)
  assert.ok(isAlive(Number(sent.stdout)))
})

test('a bootstrap of the folder’s own, or a command behind --, is what runs', async (t) => {
  const command = ['/bin/sh', '-c', 'echo "$AWS_LAMBDA_FUNCTION_MEMORY_SIZE MB of $_HANDLER"; exit 7']
  const flags = ['--address', '127.0.0.1:0', '--memory', '256', '--handler', 'app.main']
  const rr = await startRr(t, ['lambda', 'run', ...flags, '--', ...command])
  const { body } = await invokeAt(await urlOf(rr), '1')
  assert.match(JSON.parse(body).errorMessage, /exit status 7/)
  assert.match(rr.text(), /256 MB of app\.main/)
})

test('when it is killed, nothing of the environment is left, frozen or not', async (t) => {
  const rr = await startRr(t, ['lambda', 'run', '--address', '127.0.0.1:0'], { config })
  const worker = Number((await invokeAt(await urlOf(rr), '1')).body)
  const { pid } = await rr.line(({ message }) => message === 'started the environment')
  await rr.line(({ message }) => message === 'frozen')
  rr.child.kill('SIGKILL')
  await eventually(() => !isAlive(worker) && !isAlive(Number(pid)))
})

test('a handler that does not load is told once for an event, although its start is repeated', async (t) => {
  const cases = [
    ['import error', "import 'no-such-package'\n", /Runtime\.ImportModuleError/],
    ['missing function', 'export const main = () => 1\n', /Runtime\.HandlerNotFound/],
  ] as const
  for (const [name, text, type] of cases) {
    const words = ['lambda', 'run', '--address', '127.0.0.1:0', 'index.handler']
    const rr = await startRr(t, words, { files: { 'index.mjs': text } })
    const url = await urlOf(rr)
    for (const events of [1, 2]) {
      assert.match((await invokeAt(url, '1')).body, type)
      const count = (text: RegExp) => rr.lines().filter(({ message }) => text.test(message)).length
      // The start of the first event is repeated.
      await rr.line(() => count(/^ended the environment$/) > events)
      assert.equal(count(type), events, `${name}: ${rr.text()}`)
      assert.equal(count(/^the server could not run$/), events, `${name}: ${rr.text()}`)
    }
  }
})

test('a fault of rr.yaml is printed once for an event, although its start is repeated', async (t) => {
  const faulty = 'version: "3"\nlambda: { poool: {} }\n'
  const rr = await startRr(t, ['lambda', 'run', '--address', '127.0.0.1:0'], { config: faulty })
  const url = await urlOf(rr)
  for (const events of [1, 2]) {
    assert.match((await invokeAt(url, '1')).body, /RR\.InitFailed.*unknown key/)
    await rr.line(
      () => rr.lines().filter(({ message }) => message === 'ended the environment').length > events,
    )
    assert.equal(rr.text().match(/^rr\.yaml:2:11: unknown key/gm)?.length, events, rr.text())
  }
})

test('what cannot be meant is refused with 2', () => {
  const cases = [
    ['--timeout', '30'],
    ['--spin-down', 'soon'],
    ['--memory', '1'],
    ['--concurrency', '0'],
    ['--user', 'root'],
    ['--address', 'here'],
    ['-o', 'a=b', '--', 'true'],
  ]
  for (const words of cases) {
    const { status, stderr } = spawnSync(process.execPath, [rrCommand, 'lambda', 'run', ...words], {
      encoding: 'utf8',
    })
    assert.equal(status, 2, `${words.join(' ')}: ${stderr}`)
  }
})
