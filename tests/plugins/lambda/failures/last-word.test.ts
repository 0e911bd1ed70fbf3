/** `lambda.failed: worker`: a record that was given up is shown once to a worker that knows such records. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { fixture, missing, projectFolder } from '../../../helpers/project.js'
import { failuresOf, invoke, lambdaConfig, sqsEvent, startRr, workerText } from '../../../helpers/rr.js'

async function start(t: TestContext, command: string) {
  const lambda = 'failed: worker\n  quarantine: { after: 1 }'
  const config = lambdaConfig(command, { count: 1, lambda })
  const env = { PYTHONPATH: join(projectFolder, 'workers', 'python', 'src') }
  const rr = await startRr(t, ['serve'], { config, env })
  const send = async (body: string) => failuresOf(await invoke(rr, sqsEvent([body]))).length
  const shown = () => rr.lines().filter(({ message }) => message.startsWith('given up:')).length
  return { rr, send, shown }
}

const workers = [
  ['Node', workerText('given-up'), false],
  ['PHP', `php ${fixture('workers', 'given-up.php')}`, missing('php')],
  ['Python', `python3 ${fixture('workers', 'given-up.py')}`, missing('python3')],
] as const

for (const [name, command, skip] of workers)
  test(`${name}: what killed its workers is shown to one that takes it, and acknowledged`, {
    skip,
  }, async (t) => {
    const { rr, send, shown } = await start(t, command)
    assert.equal(await send('die'), 1)
    assert.equal(await send('die'), 0)
    await rr.line(({ message }) => message === 'given up: die message-0')
    // Delivered once more, it is known to be settled.
    assert.equal(await send('die'), 0)
    assert.equal(shown(), 1)
  })

test('a worker that asks for another try is asked again; one that dies of it is not', async (t) => {
  const { send, shown } = await start(t, workerText('given-up'))
  for (const failures of [1, 1, 1]) assert.equal(await send('die, then retry'), failures)
  assert.equal(shown(), 2)
})

test('a record that kills the worker which it is shown to is left to the queue', async (t) => {
  const { rr, send, shown } = await start(t, workerText('given-up'))
  for (const failures of [1, 1, 1]) assert.equal(await send('die, then die'), failures)
  await rr.line(({ message }) =>
    message.startsWith('a record that was given up could not be shown to a worker'),
  )
  assert.equal(shown(), 1)
})

test('workers that did not announce it are sent nothing: the record is left to the queue, with one warning', async (t) => {
  const { rr, send } = await start(t, workerText('dies-of-body'))
  for (const failures of [1, 1, 1]) assert.equal(await send('die'), failures)
  const warnings = rr.lines().filter(({ message }) => message.includes('no worker announced `given_up`'))
  assert.equal(warnings.length, 1)
  assert.equal(rr.lines().filter(({ message }) => message === 'the last words').length, 2)
})
