/** Multipart forms that are read while they arrive: the same result as of a form in memory, in little memory, and no file left behind a fault. */
import assert from 'node:assert/strict'
import { readdir, readFile, rm } from 'node:fs/promises'
import { PassThrough, Readable } from 'node:stream'
import { test } from 'node:test'
import { type FormSettings, readBody } from '../../../src/work/http/body.js'
import { readFormStream } from '../../../src/work/http/form-stream.js'
import { testFolder as folder } from '../../helpers/rr.js'

const contentType = 'multipart/form-data; boundary=X'
const part = (head: string, content: string) =>
  `--X\r\nContent-Disposition: form-data; ${head}\r\n\r\n${content}\r\n`
const file = (name: string, fileName: string, content: string) =>
  part(`name="${name}"; filename="${fileName}"\r\nContent-Type: text/plain`, content)
const end = '--X--\r\n'

function settingsOf(dir: string): FormSettings {
  let count = 0
  return {
    uploads: { dir, forbid: ['.php'], allow: [], max_files: 4, max_fields: 5 },
    newId: () => `-${++count}`,
    remove: (path) => rm(path, { force: true }),
    emptyForm: '{}',
  }
}

function read(dir: string, stream: Readable, limits: { bytesMax?: number; fieldBytesMax?: number } = {}) {
  const form = { contentType, stream, takeRoom: () => true, bytesMax: 1e9, fieldBytesMax: 1e6, ...limits }
  return readFormStream(form, settingsOf(dir))
}

const whole =
  part('name="a[b]"', '1') +
  file('f[]', 'a.txt', 'first') +
  file('f[]', 'b.php', 'second') +
  file('empty', '', '') +
  part('name="c"', 'ü') +
  file('', 'nameless.txt', 'x') +
  file('g', 'zero.txt', '') +
  end

test('a form in pieces of any size means what the same form in memory means', async (t) => {
  const [dir, other] = [await folder(t), await folder(t)]
  const bytes = Buffer.from(whole)
  const due = await readBody(
    { method: 'POST', contentType, body: bytes },
    { ...settingsOf(other), isRaw: false },
  )
  const shape = (text: string | undefined, root: string) =>
    (text ?? '').replaceAll(root, '').replace(/upload-\d/g, 'upload')
  for (const size of [1, 7, 64, bytes.length]) {
    const pieces = Array.from({ length: Math.ceil(bytes.length / size) }, (_, at) =>
      bytes.subarray(at * size, (at + 1) * size),
    )
    const form = await read(dir, Readable.from(pieces))
    assert.deepEqual(JSON.parse(String(form.body)), JSON.parse(String(due.body)), `pieces of ${size}`)
    assert.deepEqual(
      JSON.parse(shape(form.uploads, dir)),
      JSON.parse(shape(due.uploads, other)),
      `pieces of ${size}`,
    )
    const tree: { f: { tmpName: string }[] } = JSON.parse(form.uploads ?? '')
    assert.equal(await readFile(tree.f[0]?.tmpName ?? '', 'utf8'), 'first')
    await form.clean()
    assert.deepEqual(await readdir(dir), [])
  }
})

test('a file that is larger than a frame needs little memory', async (t) => {
  const dir = await folder(t)
  const chunk = Buffer.alloc(1024 * 1024, 'x')
  const [count, before] = [80, process.memoryUsage().rss]
  let most = 0
  async function* pieces() {
    yield Buffer.from(file('big', 'big.bin', '').slice(0, -2))
    for (let at = 0; at < count; at += 1) {
      most = Math.max(most, process.memoryUsage().arrayBuffers)
      yield chunk
    }
    yield Buffer.from(`\r\n${end}`)
  }
  const form = await read(dir, Readable.from(pieces(), { objectMode: false, highWaterMark: 64 * 1024 }))
  const { big }: { big: { size: number; error: number } } = JSON.parse(form.uploads ?? '')
  assert.deepEqual([big.size, big.error], [count * chunk.length, 0])
  assert.ok(most < 40 * 1024 * 1024, `${most} bytes of buffers, RSS ${before} at the start`)
  await form.clean()
})

const faults: readonly (readonly [
  name: string,
  bytes: string,
  status: number | undefined,
  text: RegExp,
  limits?: object,
])[] = [
  [
    'too many files',
    [1, 2, 3, 4, 5].map((at) => file('f', `${at}.txt`, 'x')).join('') + end,
    413,
    /more than 4 files/,
  ],
  [
    'too many fields',
    [1, 2, 3, 4, 5, 6].map((at) => part(`name="${at}"`, 'x')).join('') + end,
    413,
    /more than 5 fields/,
  ],
  [
    'a body over the limit',
    file('f', 'a.txt', 'x'.repeat(5000)) + end,
    413,
    /more than 4000 bytes/,
    { bytesMax: 4000 },
  ],
  [
    'fields over the limit',
    file('f', 'a.txt', 'x') + part('name="a"', 'x'.repeat(500)) + end,
    413,
    /fields of the form/,
    { fieldBytesMax: 400 },
  ],
  ['a form without an end', file('f', 'a.txt', 'x').slice(0, -4), undefined, /cannot be read|Unexpected end/],
]

for (const [name, bytes, status, text, limits] of faults)
  test(`no file is left of ${name}`, async (t) => {
    const dir = await folder(t)
    await assert.rejects(
      read(dir, Readable.from([Buffer.from(bytes)]), limits),
      (error: Error & { status?: number }) => {
        assert.equal(error.status, status)
        assert.match(error.message, text)
        return true
      },
    )
    assert.deepEqual(await readdir(dir), [])
  })

test('no file is left of a client that leaves', async (t) => {
  const dir = await folder(t)
  const stream = new PassThrough()
  const reading = read(dir, stream)
  stream.write(file('f', 'a.txt', 'x'.repeat(100_000)).slice(0, -10))
  while ((await readdir(dir)).length === 0) await new Promise((resolve) => setImmediate(resolve))
  stream.destroy()
  await assert.rejects(reading, /the client left/)
  assert.deepEqual(await readdir(dir), [])
})
