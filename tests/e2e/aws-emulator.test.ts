/**
 * The same workers under AWS's own emulator (aws-lambda-rie), when `RIE_BIN` names its executable. It takes one event at a time and
 * says a function's error with status 200 and no header, so the answers' bodies are what is compared.
 */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { connect, createServer } from 'node:net'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { fixture, missing, projectFolder, rrCommand } from '../helpers/project.js'
import { type Invoked, invokeAt, lambdaConfig, sqsEvent, testFolder, workerText } from '../helpers/rr.js'
import { eventually } from '../helpers/wait.js'

const emulator = process.env.RIE_BIN

interface Rie {
  invoke(event: unknown): Promise<Invoked>
  text(): string
  /** Ends the environment as the emulator does; resolves with what was printed. */
  end(): Promise<string>
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  return typeof address === 'object' && address !== null ? address.port : 0
}

function isListening(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    socket.on('connect', () => resolve(socket.destroy() !== undefined))
    socket.on('error', () => resolve(false))
  })
}

async function startRie(t: TestContext, config: string, env: Record<string, string> = {}): Promise<Rie> {
  const folder = await testFolder(t)
  await writeFile(join(folder, 'rr.yaml'), config)
  const [api, front] = [await freePort(), await freePort()]
  const words = [
    '--runtime-api-address',
    `127.0.0.1:${api}`,
    '--runtime-interface-emulator-address',
    `127.0.0.1:${front}`,
  ]
  const command = [process.execPath, rrCommand, 'bootstrap', '-c', join(folder, 'rr.yaml')]
  const child = spawn(String(emulator), [...words, ...command], {
    cwd: folder,
    env: { ...process.env, AWS_LAMBDA_FUNCTION_TIMEOUT: '5', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let text = ''
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk: Buffer) => {
      text += chunk.toString()
    })
  const ended = once(child, 'close')
  t.after(() => child.kill('SIGKILL'))
  const url = `http://127.0.0.1:${front}/2015-03-31/functions/function/invocations`
  await eventually(() => isListening(front))
  return {
    invoke: (event) => invokeAt(url, typeof event === 'string' ? event : JSON.stringify(event)),
    text: () => text,
    end: async () => {
      child.kill('SIGTERM')
      await ended
      return text
    },
  }
}

if (emulator !== undefined) {
  test('under AWS’s emulator a batch is answered by name, and the result of an event is passed on', async (t) => {
    const rie = await startRie(t, lambdaConfig(workerText('by-body'), { more: '' }))
    assert.equal((await rie.invoke('hello')).body, '"ok"')
    const answer = await rie.invoke(sqsEvent(['a', 'error', 'b', 'die']))
    const names = JSON.parse(answer.body).batchItemFailures.map(
      (one: { itemIdentifier: string }) => one.itemIdentifier,
    )
    assert.deepEqual(names, ['message-1', 'message-3'])
  })

  test('under AWS’s emulator an event that takes too long is answered by us, and so is the next', async (t) => {
    const rie = await startRie(t, lambdaConfig(workerText('cpu-loop'), { more: '' }), {
      AWS_LAMBDA_FUNCTION_TIMEOUT: '2',
    })
    assert.match((await rie.invoke('hang')).body, /RR\.WorkerTimeout/)
    assert.match((await rie.invoke('hello')).body, /RR\.WorkerTimeout/)
  })

  for (const [language, command, skip] of [
    ['PHP', `php ${projectFolder}/examples/handlers/php/worker.php`, missing('php')],
    ['Node', `${process.execPath} ${projectFolder}/examples/handlers/node/worker.mjs`, false],
    ['Python', `python3 ${projectFolder}/examples/handlers/python/worker.py`, missing('python3')],
  ] as const) {
    test(`under AWS’s emulator the ${language} worker of the demo answers as it does under ours`, {
      skip,
    }, async (t) => {
      const rie = await startRie(t, lambdaConfig(command, { more: '' }))
      const answer = await rie.invoke(sqsEvent(['{"n":1}', '{"n":2}']))
      assert.deepEqual(JSON.parse(answer.body), { batchItemFailures: [] })
    })
  }

  test('under AWS’s emulator we are an extension, which is what brings SIGTERM', async (t) => {
    const rie = await startRie(t, lambdaConfig(workerText('echo'), { more: '' }))
    assert.equal((await rie.invoke('1')).body, '1')
    assert.match(await rie.end(), /Internal agent relayrunner-internal .* registered, subscribed to \[\]/)
  })
}

test('fixtures of this file are there', () => assert.ok(fixture('workers', 'by-body.mjs')))
