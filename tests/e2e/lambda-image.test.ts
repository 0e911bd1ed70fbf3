import assert from 'node:assert/strict'
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { chmod, cp, mkdir, readFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { parse } from 'yaml'
import { install, linkDependencies, packSelf } from '../helpers/pack.js'
import { missing, projectFolder } from '../helpers/project.js'
import { failuresOf, invokeAt, sqsEvent, testFolder } from '../helpers/rr.js'
import { testApi } from '../helpers/runtime-api.js'

const examples: readonly [name: string, worker: string, skip: string | false][] = [
  ['lambda-node', 'worker.mjs', false],
  ['lambda-php', 'worker.php', missing('php')],
]

/** The files as the Dockerfile lays them out, from the tarball that npm would serve. */
async function image(t: TestContext, name: string, worker: string): Promise<string> {
  const folder = await testFolder(t)
  const task = join(folder, 'task')
  await mkdir(task)
  await install(task, 'relayrunner', await packSelf(folder))
  await linkDependencies(task)
  for (const file of ['rr.yaml', worker])
    await cp(join(projectFolder, 'examples', name, file), join(task, file))
  const rr = join(task, 'node_modules/relayrunner/dist/cmd/rr.js')
  const compiled = spawnSync(process.execPath, [rr, 'compile'], { cwd: task, encoding: 'utf8' })
  assert.equal(compiled.status, 0, compiled.stderr)
  await mkdir(join(folder, 'runtime'))
  await cp(join(task, 'node_modules/relayrunner/bootstrap'), join(folder, 'runtime/bootstrap'))
  await chmod(folder, 0o755)
  return folder
}

/** Runs the image's entry point with Lambda's variables and no others. */
function start(t: TestContext, folder: string, api: string): ChildProcess {
  const task = join(folder, 'task')
  const child = spawn(join(folder, 'runtime/bootstrap'), ['worker'], {
    cwd: task,
    stdio: ['ignore', 'pipe', 'inherit'],
    env: {
      PATH: `${dirname(process.execPath)}:/usr/local/bin:/usr/bin:/bin:/opt/bin`,
      LANG: 'en_US.UTF-8',
      TZ: ':UTC',
      _HANDLER: 'worker',
      LAMBDA_TASK_ROOT: task,
      LAMBDA_RUNTIME_DIR: join(folder, 'runtime'),
      AWS_LAMBDA_RUNTIME_API: api,
      AWS_LAMBDA_FUNCTION_NAME: 'orders',
      AWS_LAMBDA_FUNCTION_VERSION: '$LATEST',
      AWS_LAMBDA_FUNCTION_MEMORY_SIZE: '1769',
      AWS_LAMBDA_INITIALIZATION_TYPE: 'on-demand',
      AWS_REGION: 'us-east-1',
    },
  })
  t.after(() => child.kill('SIGKILL'))
  return child
}

for (const [name, worker, skip] of examples) {
  test(`${name}: the image's files run with Lambda's environment alone`, { skip }, async (t) => {
    const folder = await image(t, name, worker)
    const api = await testApi(t)
    const child = start(t, folder, api.address)
    const died = once(child, 'exit').then(([code]) =>
      Promise.reject(new Error(`bootstrap ended with ${code}`)),
    )
    died.catch(() => undefined)
    const first = await Promise.race([invokeAt(api.invokeUrl, '{"a":1}'), died])
    assert.deepEqual(JSON.parse(first.body), { ok: true })
    const batch = sqsEvent(['{"order":1}', '{"order":"bad"}', '{"order":3}', 'no JSON', '{"order":5}'])
    assert.deepEqual(failuresOf(await invokeAt(api.invokeUrl, JSON.stringify(batch))), [
      'message-1',
      'message-3',
    ])
    child.kill('SIGTERM')
    assert.deepEqual((await once(child, 'exit'))[0], 0)
  })

  test(`${name}: the template reports partial failures and hides messages six times the function's timeout`, async () => {
    const text = await readFile(join(projectFolder, 'examples', name, 'template.yaml'), 'utf8')
    const { Resources } = parse(text, { logLevel: 'silent' })
    const { Timeout, Events } = Resources.Function.Properties
    assert.equal(Resources.Queue.Properties.VisibilityTimeout, 6 * Timeout)
    assert.deepEqual(Events.Orders.Properties.FunctionResponseTypes, ['ReportBatchItemFailures'])
    assert.ok(Resources.Queue.Properties.RedrivePolicy.maxReceiveCount >= 5)
  })
}
