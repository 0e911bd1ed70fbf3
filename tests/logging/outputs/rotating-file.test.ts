import assert from 'node:assert/strict'
import { readdir, readFile, unlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { gunzipSync } from 'node:zlib'
import { type Rotation, rotatingFile } from '../../../src/logging/outputs/rotating-file.js'
import { testFolder } from '../../helpers/rr.js'
import { eventually } from '../../helpers/wait.js'
import { ManualClock } from '../../ipc/manual-clock.js'

const keepAll: Rotation = { bytesMax: 100, daysMax: 0, filesMax: 0, isCompressed: false }

/** A file in a folder of its own; `write` resolves once the line is in it. */
async function opened(t: Parameters<typeof testFolder>[0], rotation: Rotation) {
  const folder = await testFolder(t)
  const clock = new ManualClock()
  const faults: string[] = []
  const path = join(folder, 'app.log')
  const file = rotatingFile({ path, mode: 0o640, rotation, clock, onFault: (what) => faults.push(what) })
  const write = async (line: string) => {
    clock.advance(1)
    const error = await new Promise((resolve) => file.write(Buffer.from(line), resolve))
    assert.equal(error, undefined)
  }
  return { folder, path, clock, faults, write, files: async () => (await readdir(folder)).sort() }
}

const line = (n: number) => `line ${String(n).padStart(3, '0')} ${'.'.repeat(30)}\n`

test('a full file is set aside between two lines, and nothing is lost', async (t) => {
  const log = await opened(t, keepAll)
  for (let n = 0; n < 10; n += 1) await log.write(line(n))
  const files = await log.files()
  assert.equal(files.length, 5)
  for (const file of files) assert.match(file, /^app(-\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d\.\d{3})?\.log$/)
  const texts = await Promise.all(files.map((file) => readFile(join(log.folder, file), 'utf8')))
  for (const text of texts) assert.ok(text.length <= 100 && text.endsWith('\n'))
  // `app-…` sorts before `app.log`: the oldest first.
  assert.equal(texts.join(''), Array.from({ length: 10 }, (_, n) => line(n)).join(''))
})

test('a line that was written in part is not cut in two files', async (t) => {
  const log = await opened(t, keepAll)
  await log.write(line(0))
  await log.write('the first half of a line that is rather long, ')
  await log.write(`and its second half${'.'.repeat(60)}\n`)
  await log.write(line(1))
  const [old = '', ...others] = await log.files()
  assert.equal(others.length, 1)
  assert.match(await readFile(join(log.folder, old), 'utf8'), /first half .+ and its second half\.+\n$/)
})

test('old files are compressed, the oldest removed, and files of others left alone', async (t) => {
  const log = await opened(t, { ...keepAll, filesMax: 2, isCompressed: true })
  await writeFile(join(log.folder, 'app-notes.log'), 'mine')
  for (let n = 0; n < 20; n += 1) {
    await log.write(line(n))
    await eventually(
      async () => (await log.files()).filter((file) => /T.*(log|part)$/.test(file)).length === 0,
    )
  }
  await eventually(async () => (await log.files()).length === 4)
  const files = await log.files()
  assert.ok(files.includes('app-notes.log') && files.includes('app.log'))
  const kept = files.filter((file) => file.endsWith('.gz'))
  assert.equal(kept.length, 2)
  const texts = await Promise.all(
    kept.map(async (file) => gunzipSync(await readFile(join(log.folder, file)))),
  )
  assert.equal(texts.join(''), [14, 15, 16, 17].map(line).join(''))
  assert.deepEqual(log.faults, [])
})

test('files are removed when they are older than the days they are kept', async (t) => {
  const log = await opened(t, { ...keepAll, daysMax: 2 })
  for (let n = 0; n < 3; n += 1) await log.write(line(n))
  assert.equal((await log.files()).length, 2)
  log.clock.advance(3 * 86_400_000)
  for (let n = 3; n < 6; n += 1) await log.write(line(n))
  await eventually(async () => !(await log.files()).some((file) => file.includes('1970-01-01')))
})

test('a file that cannot be set aside goes on growing, which is told', async (t) => {
  const log = await opened(t, keepAll)
  await log.write(line(0))
  await log.write(line(1))
  // The name has gone: what is open is written to, as after a removal by hand.
  await unlink(log.path)
  await log.write(line(2))
  assert.deepEqual(log.faults, ['the file of the log could not be set aside and grows'])
})
