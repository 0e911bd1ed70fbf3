/** The examples' own files for queues: the workers of Lambda on a server, fed from the command line. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { rr } from '../helpers/command.js'
import { missing, projectFolder } from '../helpers/project.js'
import { started, startRr, testFolder } from '../helpers/rr.js'

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
