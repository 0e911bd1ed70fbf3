/** The layer of `npm run layer`, at /opt as Lambda puts it there, runs the function of the example with Lambda's environment alone. */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { appendFile, chmod, cp, mkdir, mkdtemp, readdir, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, type TestContext, test } from 'node:test'
import { projectFolder } from '../helpers/project.js'
import { failuresOf, invokeAt, sqsEvent, testFolder } from '../helpers/rr.js'
import { testApi } from '../helpers/runtime-api.js'
import { plainUser } from '../helpers/users.js'

const noMounts =
  spawnSync('unshare', ['--mount', 'mount', '--bind', '/tmp', '/opt']).status === 0
    ? false
    : 'this machine does not let us put a folder at /opt'

const made = await mkdtemp(join(tmpdir(), 'rr-layer-test-'))
after(() => rm(made, { recursive: true, force: true }))
await chmod(made, 0o755)
const opt = layer(made)

/** Makes the layer, with this Node in it, and unpacks it as Lambda does. */
function layer(folder: string): string {
  const [zip, target] = [join(folder, 'layer.zip'), join(folder, 'opt')]
  const words = [join(projectFolder, 'scripts/layer.mjs'), '--node', process.execPath, '--out', zip]
  const packed = spawnSync(process.execPath, words, { encoding: 'utf8' })
  assert.equal(packed.status, 0, packed.stderr)
  assert.match(
    packed.stdout,
    /layer\.zip: [\d.]+ MB, [\d.]+ MB unzipped \(Lambda takes 250\.0 with the function\)/,
  )
  const unpacked = spawnSync('unzip', ['-q', zip, '-d', target], { encoding: 'utf8' })
  assert.equal(unpacked.status, 0, unpacked.error?.message ?? unpacked.stderr)
  return target
}

/** Runs `/opt/bootstrap` as another user, with Lambda's variables and no others. */
function start(t: TestContext, { task, api }: Readonly<Record<'task' | 'api', string>>): ChildProcess {
  const { uid, gid } = plainUser()
  const script =
    'mount --bind "$1" /opt && exec setpriv --reuid="$2" --regid="$3" --clear-groups /opt/bootstrap'
  const words = ['--mount', 'sh', '-c', script, 'sh', opt, `${uid}`, `${gid}`]
  const child = spawn('unshare', words, {
    cwd: task,
    stdio: ['ignore', 'pipe', 'inherit'],
    env: {
      PATH: '/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin:/opt/bin',
      LANG: 'en_US.UTF-8',
      TZ: ':UTC',
      _HANDLER: 'worker',
      LAMBDA_TASK_ROOT: task,
      LAMBDA_RUNTIME_DIR: '/var/runtime',
      AWS_LAMBDA_RUNTIME_API: api,
      AWS_LAMBDA_FUNCTION_NAME: 'orders',
      AWS_LAMBDA_FUNCTION_VERSION: '$LATEST',
      AWS_LAMBDA_FUNCTION_MEMORY_SIZE: '1769',
      AWS_LAMBDA_INITIALIZATION_TYPE: 'on-demand',
      AWS_LAMBDA_LOG_FORMAT: 'JSON',
      AWS_LAMBDA_LOG_LEVEL: 'DEBUG',
      AWS_REGION: 'us-east-1',
    },
  })
  t.after(() => child.kill('SIGKILL'))
  return child
}

test('the layer runs a function that holds its own code alone', { skip: noMounts }, async (t) => {
  const folder = await testFolder(t)
  const task = join(folder, 'task')
  await mkdir(task)
  await cp(join(projectFolder, 'examples/deploy/lambda/function'), task, { recursive: true })
  await appendFile(join(task, 'rr.yaml'), 'logs: { level: debug }\n')
  await chmod(folder, 0o755)
  const api = await testApi(t)
  const child = start(t, { task, api: api.address })
  let log = ''
  child.stdout?.on('data', (chunk) => {
    log += String(chunk)
  })
  const died = once(child, 'exit').then(([code]) =>
    Promise.reject(new Error(`it ended with ${code}: ${log}`)),
  )
  died.catch(() => undefined)
  const first = await Promise.race([invokeAt(api.invokeUrl, '{"a":1}'), died])
  assert.deepEqual(JSON.parse(first.body), { ok: true })
  const batch = sqsEvent(['{"order":1}', '{"order":"bad"}', '{"order":3}'])
  assert.deepEqual(failuresOf(await invokeAt(api.invokeUrl, JSON.stringify(batch))), ['message-1'])
  child.kill('SIGTERM')
  assert.equal((await once(child, 'exit'))[0], 0)
  // What `npm run layer` compiled: for this Node, and no more than it may be written to by others.
  assert.match(log, /V8 accepted the code cache/)
})

test('the layer has programs that run, files that nobody writes, and no types, maps or documentation', async () => {
  const files = await readdir(opt, { recursive: true, encoding: 'utf8' })
  assert.deepEqual((await readdir(opt)).sort(), ['bootstrap', 'node', 'node_modules'])
  assert.deepEqual(
    files.filter((file) => /\.d\.ts$|\.map$|\.md$|examples/.test(file) && file.includes('relayrunner/')),
    [],
  )
  for (const file of files) assert.equal((await stat(join(opt, file))).mode & 0o022, 0, file)
  for (const program of ['bootstrap', 'node/bin/node'])
    assert.equal((await stat(join(opt, program))).mode & 0o111, 0o111, program)
})
