/** The examples' own files for queues: the workers of Lambda on a server, fed from the command line. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { rr } from '../helpers/command.js'
import { missing, projectFolder } from '../helpers/project.js'
import { missingRabbit, startRabbit } from '../helpers/rabbitmq.js'
import { started, startRr, testFolder } from '../helpers/rr.js'
import { startSqsServer } from '../helpers/sqs-server.js'

const languages: readonly [name: string, skip: string | false][] = [
  ['node', false],
  ['php', missing('php')],
  ['python', missing('python3')],
]

for (const [language, skip] of languages)
  test(`the ${language} example ships orders from a queue under rr serve`, { skip }, async (t) => {
    const cwd = join(projectFolder, 'examples', `consumer-${language}`)
    const file = join(cwd, 'rr.queue.yaml')
    const server = await startRr(t, ['serve', '-c', file], { cwd, env: { STORE: await testFolder(t) } })
    await started(server)
    const body = '{"key":"order-1","carrier":"post","items":[{"sku":"tea","count":2}]}'
    const words = ['jobs', 'push', 'orders', '-c', file, '--body', body]
    assert.equal((await rr(cwd, words)).code, 0)
    const shipped = await server.line(({ message }) => message === 'shipped')
    assert.equal(shipped.key, 'order-1')
    assert.equal((await rr(cwd, words)).code, 0)
    await server.line(({ message }) => message === 'shipped before')
    server.child.kill('SIGTERM')
    assert.equal(await server.ended, 0)
  })

/** Runs an example against a broker at another address; a mail without an address is given up. */
async function sendMails(t: TestContext, example: string, words: readonly string[]) {
  const cwd = join(projectFolder, 'examples', example)
  const server = await startRr(t, ['serve', ...words], { cwd })
  await started(server)
  const push = (body: string) => rr(cwd, ['jobs', 'push', 'mail', '--body', body])
  assert.deepEqual([(await push('{"to":"ann"}')).code, (await push('{}')).code], [0, 0])
  assert.equal((await server.line(({ message }) => message === 'sent')).to, 'ann')
  const failed = await server.line(({ message }) => message.startsWith('a job failed for good'))
  assert.equal(failed.errorMessage, 'a mail without an address')
  server.child.kill('SIGTERM')
  assert.equal(await server.ended, 0)
  return failed
}

test('the example of SQS sends its mails, and moves one that failed for good', async (t) => {
  const { env } = await startSqsServer(t)
  const failed = await sendMails(t, 'queues-sqs', ['-o', `sqs.endpoint=${env.AWS_ENDPOINT_URL_SQS}`])
  assert.equal(failed.dead, 'mail-failed')
})

test('the example of RabbitMQ sends its mails, and keeps one that failed for good', {
  skip: missingRabbit,
}, async (t) => {
  const rabbit = await startRabbit()
  t.after(() => rabbit.end())
  const failed = await sendMails(t, 'queues-rabbitmq', ['-o', `amqp.addr=${rabbit.addr}`])
  assert.match(failed.message, /it is kept/)
})
