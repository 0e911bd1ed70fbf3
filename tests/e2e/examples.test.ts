import assert from 'node:assert/strict'
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { missing, projectFolder } from '../helpers/project.js'
import { failuresOf, invoke, type RunningRr, startRr, testFolder } from '../helpers/rr.js'

const languages: readonly [name: string, skip: string | false][] = [
  ['node', false],
  ['php', missing('php')],
  ['python', missing('python3')],
]
const events = ['orders', 'orders-again', 'movements', 'movements-again']
const folderOf = (language: string) => join(projectFolder, 'examples', `consumer-${language}`)
const eventOf = (language: string, name: string) =>
  readFile(join(folderOf(language), 'events', `${name}.json`), 'utf8')
const id = (number: number) => `00000000-0000-4000-8000-${String(number).padStart(12, '0')}`

/** `rr dev` on one of the example's files, with a store of its own. */
async function startExample(t: TestContext, language: string, file: string) {
  const store = await testFolder(t)
  const words = ['-c', file, '-o', 'emulator.address=127.0.0.1:0', '-o', 'logs.encoding=json']
  const rr = await startRr(t, ['dev', ...words], {
    folder: folderOf(language),
    env: { STORE: store, AWS_LAMBDA_RUNTIME_API: undefined },
  })
  return {
    rr,
    store,
    send: async (name: string) => failuresOf(await invoke(rr, await eventOf(language, name))),
  }
}

const gaveUp = 'a worker gave up a record: it is left to the queue’s redrive policy'
const comesAgain = 'a record failed and will be delivered again'

/** Ends the server, so that every line has been read; tells what one field of the lines with a message held. */
async function logAtTheEnd(rr: RunningRr) {
  rr.child.kill('SIGTERM')
  assert.equal(await rr.ended, 0, rr.text())
  return (message: string, field: string) =>
    rr
      .lines()
      .filter((line) => line.message === message)
      .map((line) => line[field])
      .sort()
}

/** The JSON files of a folder by name; drafts must not stay behind. */
async function entriesOf(folder: string): Promise<Record<string, unknown>> {
  const files = (await readdir(folder)).sort()
  const texts = await Promise.all(files.map((file) => readFile(join(folder, file), 'utf8')))
  return Object.fromEntries(files.map((file, at) => [file, JSON.parse(texts[at] ?? '')]))
}

for (const [language, skip] of languages) {
  test(`the ${language} consumer ships every order once: doubles, retries, dead letters and errors`, {
    skip,
  }, async (t) => {
    const { rr, store, send } = await startExample(t, language, 'rr.standard.yaml')
    // Express is busy, nothing to ship, no such carrier, no JSON.
    assert.deepEqual(await send('orders'), [4, 5, 6, 8].map(id))
    // The third delivery of the express order succeeds, and two orders come although they are shipped.
    assert.deepEqual(await send('orders-again'), [id(6)])
    const label = (key: string, text: string) => [`${key}.json`, { key, label: text }]
    assert.deepEqual(
      await entriesOf(join(store, 'shipped')),
      Object.fromEntries([
        label(id(7), 'post, 1 items'),
        label('order-1001', 'post, 1 items'),
        label('order-1002', 'post, 2 items'),
        label('order-1003', 'express, 1 items'),
      ]),
    )
    const said = await logAtTheEnd(rr)
    assert.deepEqual(said('shipped', 'key'), [id(7), 'order-1001', 'order-1002', 'order-1003'])
    assert.deepEqual(said('shipped before', 'key'), [id(7), 'order-1001', 'order-1002'])
    assert.deepEqual(said(gaveUp, 'errorMessage'), ['an order without items', 'the body is not JSON'])
    const retried = ['express takes nothing now', 'no carrier "zeppelin"', 'no carrier "zeppelin"']
    assert.deepEqual(said(comesAgain, 'errorMessage'), retried)
    assert.deepEqual(said(comesAgain, 'afterMs'), [2000, undefined, undefined])
  })

  test(`the ${language} ledger applies the movements of an account in order and refuses a gap`, {
    skip,
  }, async (t) => {
    const { rr, store, send } = await startExample(t, language, 'rr.fifo.yaml')
    // Bob's third movement comes before his second, so his fourth is not even tried; Dave's first would overdraw.
    assert.deepEqual(await send('movements'), [14, 16, 19, 20].map(id))
    // The second has come, and the rest again. Dave's first is a dead letter: his account stands still.
    assert.deepEqual(await send('movements-again'), [id(20)])
    const ledger = (account: string, amounts: readonly number[]) => [
      `${account}.json`,
      { account, balance: amounts.reduce((sum, amount) => sum + amount, 0), amounts },
    ]
    assert.deepEqual(
      await entriesOf(join(store, 'ledger')),
      Object.fromEntries([
        ledger('alice', [100, -30, 7]),
        ledger('bob', [50, 25, -10, 20]),
        ledger('carol', [5]),
      ]),
    )
    const said = await logAtTheEnd(rr)
    assert.deepEqual(said('applied before', 'account'), ['alice', 'carol'])
    assert.deepEqual(said(gaveUp, 'errorMessage'), ['dave would be overdrawn'])
    assert.ok(said(comesAgain, 'errorMessage').includes('movement 3 of bob is here before 2'))
  })

  test(`the ${language} ledger stops an account whose file it cannot read, and no other`, {
    skip,
  }, async (t) => {
    const { store, send } = await startExample(t, language, 'rr.fifo.yaml')
    await mkdir(join(store, 'ledger'), { recursive: true })
    await writeFile(join(store, 'ledger/alice.json'), '{"balance":')
    assert.deepEqual(await send('movements'), [11, 13, 14, 16, 17, 19, 20].map(id))
    assert.equal(await readFile(join(store, 'ledger/alice.json'), 'utf8'), '{"balance":')
  })

  test(`the ${language} consumer is shown the same events as the others`, async () => {
    for (const name of events) assert.equal(await eventOf(language, name), await eventOf('node', name), name)
  })
}
