import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'
import { missing, rrCommand } from '../../helpers/project.js'
import { invoke, sqsEvent, started, startRr, testFolder } from '../../helpers/rr.js'

function rr(folder: string, words: readonly string[]) {
  const run = spawnSync(process.execPath, [rrCommand, ...words], { cwd: folder, encoding: 'utf8' })
  return { code: run.status, out: run.stdout, err: run.stderr }
}

const nodeHandler = 'export const handler = async (event) => ({ node: event.n ?? event.Records.length })\n'
const pythonHandler =
  'def main(event, context):\n    return {"python": event.get("n") or len(event["Records"])}\n'
const own = [
  '-o',
  'emulator.address=127.0.0.1:0',
  '-o',
  'logs.encoding=json',
  '-o',
  'lambda.pool.num_workers=1',
]

const languages = [
  { name: 'node', handler: 'index.handler', files: { 'index.mjs': nodeHandler }, skip: false },
  { name: 'python', handler: 'app.main', files: { 'app.py': pythonHandler }, skip: missing('python3') },
]
for (const { name, handler, files, skip } of languages) {
  test(`rr dev runs a ${name} handler without a file, and commands find that server by its folder`, {
    skip,
  }, async (t) => {
    const server = await startRr(t, ['dev', handler, ...own], { files })
    assert.deepEqual(JSON.parse((await invoke(server, { n: 5 })).body), { [name]: 5 })
    // Whole batches, as Lambda hands them over.
    assert.deepEqual(JSON.parse((await invoke(server, sqsEvent(['1', '2', '3']))).body), { [name]: 3 })
    const { code, out } = rr(server.folder, ['workers', '--json'])
    assert.equal(code, 0)
    assert.equal(JSON.parse(out).length, 1)
    assert.equal(rr(server.folder, ['stop']).code, 0)
    assert.equal(await server.ended, 0)
  })
}

test('server.handler runs a project’s handler, and a handler on the command line replaces the command', async (t) => {
  const config = 'version: "3"\nserver: { handler: index.handler }\nlambda: {}\n'
  const first = await startRr(t, ['dev', ...own], { config, files: { 'index.mjs': nodeHandler } })
  assert.deepEqual(JSON.parse((await invoke(first, sqsEvent(['1', '2']))).body), { node: 2 })
  const other = 'version: "3"\nserver: { command: "php nothing.php" }\n'
  const second = await startRr(t, ['dev', 'index.handler', ...own], {
    config: other,
    files: { 'index.mjs': nodeHandler },
  })
  assert.deepEqual(JSON.parse((await invoke(second, { n: 1 })).body), { node: 1 })
  await started(second)
})

test('rr lambda run takes a handler, with and without a file', async (t) => {
  for (const config of [undefined, 'version: "3"\nserver: { command: "php nothing.php" }\nlambda: {}\n']) {
    const run = await startRr(t, ['lambda', 'run', 'index.handler', '--address', '127.0.0.1:0'], {
      files: { 'index.mjs': nodeHandler },
      ...(config === undefined ? {} : { config }),
    })
    const { address } = await run.line(({ message }) => message === 'waiting for events')
    const sent = rr(run.folder, ['invoke', '--address', String(address), '--sqs', '4', '--json'])
    assert.deepEqual([sent.code, sent.out], [0, '{"node":4}\n'], run.text())
  }
})

test('what cannot be run is said at the start, with what to do: 78', async (t) => {
  const folder = await testFolder(t)
  const cases: readonly [words: readonly string[], what: RegExp][] = [
    [['dev'], /no configuration file found; looked for [\s\S]*rr init[\s\S]*rr dev index\.handler/],
    [['dev', 'nobody.handler'], /HANDLER="nobody\.handler" does not name a file in/],
    [['lambda', 'run'], /RR_CONFIG_NOT_FOUND: .*_HANDLER is not set/],
    [['lambda', 'run', 'nobody.handler'], /RR_CONFIG_NOT_FOUND: .*"nobody\.handler" does not name a file in/],
    [['lambda', 'run', '--handler', 'nobody.handler'], /"nobody\.handler" does not name a file in/],
  ]
  for (const [words, what] of cases) {
    const { code, err } = rr(folder, words)
    assert.equal(code, 78, words.join(' '))
    assert.match(err, what)
  }
  assert.match(rr(folder, ['workers']).err, /RR_CONFIG_NOT_FOUND/)
})
