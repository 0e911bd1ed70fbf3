import assert from 'node:assert/strict'
import { readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import fc from 'fast-check'
import { readBody } from '../../../src/work/http/body.js'
import { depthMax, fieldsMax, formTree } from '../../../src/work/http/tree.js'
import { testFolder as folder } from '../../helpers/rr.js'

const form = 'application/x-www-form-urlencoded'
let lastFile = 0

interface Settings {
  readonly dir: string
  readonly id: string
  readonly method: string
  readonly isRaw: boolean
  readonly forbid: readonly string[]
  readonly allow: readonly string[]
  readonly emptyForm: '' | '{}'
  readonly maxFiles: number
  readonly maxFields: number
  readonly signal: AbortSignal
}

function read(contentType: string, body: string | Buffer, settings: Partial<Settings> = {}) {
  const {
    dir = '/nowhere',
    id = 'file',
    method = 'POST',
    isRaw = false,
    forbid = [],
    allow = [],
    emptyForm = '',
    maxFiles = 20,
    maxFields = 1000,
    signal,
  } = settings
  return readBody(
    { method, contentType, body: Buffer.from(body) },
    {
      isRaw,
      uploads: { dir, forbid, allow, max_files: maxFiles, max_fields: maxFields },
      remove: (path) => rm(path, { force: true }),
      newId: () => `${id}-${++lastFile}`,
      emptyForm,
      ...(signal === undefined ? {} : { signal }),
    },
  )
}

async function tree(text: string): Promise<unknown> {
  return JSON.parse(String((await read(form, text)).body))
}

interface Part {
  readonly name?: string
  readonly file?: string
  readonly type?: string
  readonly content: string | Buffer
}

const multipartType = 'multipart/form-data; boundary=XX'

function multipart(parts: readonly Part[]): Buffer {
  const pieces = parts.map(({ name, file, type, content }) => {
    const quoted = (key: string, text: string | undefined) => (text === undefined ? '' : `; ${key}="${text}"`)
    const head = `--XX\r\nContent-Disposition: form-data${quoted('name', name)}${quoted('filename', file)}\r\n`
    const kind = type === undefined ? '' : `Content-Type: ${type}\r\n`
    return Buffer.concat([Buffer.from(`${head}${kind}\r\n`), Buffer.from(content), Buffer.from('\r\n')])
  })
  return Buffer.concat([...pieces, Buffer.from('--XX--\r\n')])
}

test('nested names of a form become the tree that PHP makes of them', async () => {
  const cases: readonly [string, unknown][] = [
    ['a=1', { a: '1' }],
    ['a=1&a=2', { a: '2' }],
    ['a[]=1&a[]=2', { a: ['1', '2'] }],
    ['a[b][]=1&a[b][]=2&a[c]=3', { a: { b: ['1', '2'], c: '3' } }],
    ['a%5Bb%5D%5B%5D=1', { a: { b: ['1'] } }],
    ['a[0]=x&a[1]=y', { a: { 0: 'x', 1: 'y' } }],
    ['a[x]=1&a[]=2', { a: { x: '1', 0: '2' } }],
    ['a[b=1', { a: { b: '1' } }],
    ['a[b]c=1', { a: { b: { c: '1' } } }],
    ['a+b=c+d%26', { ab: 'c d&' }],
    ['a', { a: '' }],
    ['=x', { '': 'x' }],
    ['a=ä&b=%C3%A4', { a: 'ä', b: 'ä' }],
    ['a=%FF', { a: '\ufffd' }],
  ]
  for (const [text, expected] of cases) assert.deepEqual(await tree(text), expected, text)
})

test('names that mean something to JavaScript are names', async () => {
  const body = String((await read(form, '__proto__[polluted]=1&constructor[prototype][x]=2')).body)
  assert.equal(body, '{"__proto__":{"polluted":"1"},"constructor":{"prototype":{"x":"2"}}}')
  assert.equal('polluted' in {}, false)
})

test('any fields come back from the tree', () => {
  const key = fc.stringMatching(/^[a-z_][a-z0-9_]{0,5}$/)
  const path = fc.array(key, { minLength: 1, maxLength: 5 })
  fc.assert(
    fc.property(path, fc.string(), fc.array(fc.string(), { minLength: 1 }), (keys, value, list) => {
      const [first = '', ...rest] = keys
      const name = first + rest.map((one) => `[${one}]`).join('')
      const at = (root: unknown) =>
        keys.reduce<unknown>((node, one) => Object.entries(node ?? {}).find(([k]) => k === one)?.[1], root)
      assert.equal(at(formTree([[name, value]])), value)
      assert.deepEqual(at(formTree(list.map((one) => [`${name}[]`, one] as const))), list)
    }),
  )
})

test('any form that a browser encodes is read as it was filled in', async () => {
  const name = fc.stringMatching(/^[a-z]{1,8}$/)
  await fc.assert(
    fc.asyncProperty(fc.dictionary(name, fc.string({ unit: 'grapheme' }), { minKeys: 1 }), async (fields) => {
      const given = { ...fields }
      assert.deepEqual(await tree(new URLSearchParams(given).toString()), given)
    }),
  )
})

test('a form without fields is parsed, and its body is what its worker’s package expects', async () => {
  for (const emptyForm of ['', '{}'] as const) {
    for (const text of ['', '&', '&&']) {
      const { body, isParsed } = await read(form, text, { emptyForm })
      assert.deepEqual([body, isParsed], [emptyForm, true])
    }
    assert.equal((await read(multipartType, '--XX--\r\n', { emptyForm })).body, emptyForm)
  }
})

test('only forms are parsed; HEAD and OPTIONS have no body; raw_body leaves all as it came', async () => {
  const bytes = Buffer.from('a=1')
  const cases: readonly [string, Partial<Settings>, unknown, boolean][] = [
    ['application/json', {}, bytes, false],
    ['', {}, bytes, false],
    [form, { isRaw: true }, bytes, false],
    [multipartType, { isRaw: true }, bytes, false],
    [form, { method: 'HEAD' }, Buffer.alloc(0), false],
    [form, { method: 'OPTIONS' }, Buffer.alloc(0), false],
    [`${form}; charset=utf-8`, { method: 'DELETE' }, '{"a":"1"}', true],
    ['Application/X-WWW-Form-Urlencoded', {}, '{"a":"1"}', true],
  ]
  for (const [type, settings, expected, isParsed] of cases) {
    const read1 = await read(type, bytes, settings)
    assert.deepEqual([read1.body, read1.isParsed, read1.uploads], [expected, isParsed, undefined], type)
  }
})

test('a form with as many fields as the limit passes, and one with more is refused', async () => {
  const fields = (count: number) => Array.from({ length: count }, (_, at) => `f${at}=v`).join('&')
  assert.equal(Object.keys(Object(await tree(fields(fieldsMax)))).length, fieldsMax)
  await assert.rejects(read(form, fields(fieldsMax + 1)), /more than 10000 fields/)
  await assert.rejects(read(form, '&a=1'.repeat(1_000_000)), /more than 10000 fields/)
})

test('a name that nests as deep as the limit passes, and a deeper one is refused', async () => {
  const name = (depth: number) => `a${'[b]'.repeat(depth - 1)}`
  assert.ok(await tree(`${name(depthMax)}=1`))
  await assert.rejects(read(form, `${name(depthMax + 1)}=1`), /128 levels deep, 127 are taken/)
  await assert.rejects(read(form, `${name(100_000)}=1`), /levels deep/)
  const deep = [{ name: name(depthMax + 1), content: '1' }]
  await assert.rejects(read(multipartType, multipart(deep)), /levels deep/)
})

test('a form with a stray percent sign is refused', async () => {
  await assert.rejects(read(form, 'a=100%'), /"100%", which is not percent-encoded/)
})

test('uploads lie in private files beside the form until they are cleaned up', async (t) => {
  const dir = await folder(t)
  const bytes = Buffer.from([0, 13, 10, 255, 45, 45])
  const parts = [
    { name: 'title[de]', content: 'Käse' },
    { name: 'docs[]', file: 'a.bin', type: 'application/octet-stream', content: bytes },
    { name: 'docs[]', file: 'b.txt', type: 'text/plain', content: '' },
    { name: 'one', file: 'first.txt', type: 'text/plain', content: '1' },
    { name: 'one', file: 'second.txt', type: 'text/plain', content: '2' },
  ]
  const { body, isParsed, uploads, clean } = await read(multipartType, multipart(parts), { dir })
  assert.equal(isParsed, true)
  assert.deepEqual(JSON.parse(String(body)), { title: { de: 'Käse' } })
  const { docs, one } = JSON.parse(uploads ?? '')
  const { tmpName, ...told } = docs[0]
  assert.deepEqual(told, { name: 'a.bin', mime: 'application/octet-stream', size: 6, error: 0 })
  assert.match(tmpName, /\/upload[^/]+$/)
  assert.deepEqual(await readFile(tmpName), bytes)
  assert.equal((await stat(tmpName)).mode & 0o777, 0o600)
  assert.deepEqual([docs[1].name, docs[1].size, docs[1].error], ['b.txt', 0, 0])
  // Of several files with one name RoadRunner tells the first.
  assert.equal(one.name, 'first.txt')
  // The worker moved one of them away, as it should.
  await rm(tmpName)
  await clean()
  assert.deepEqual(await readdir(dir), [])
})

test('a browser’s path is no part of a file’s name', async (t) => {
  const dir = await folder(t)
  const parts = [{ name: 'f', file: '../../etc/passwd', type: 'text/plain', content: 'x' }]
  const { uploads, clean } = await read(multipartType, multipart(parts), { dir })
  t.after(clean)
  assert.equal(JSON.parse(uploads ?? '').f.name, 'passwd')
})

test('refused endings, a field without a file and a folder that cannot be are told by PHP’s codes', async (t) => {
  const dir = await folder(t)
  const upload = async (file: string, settings: Partial<Settings>) => {
    const parts = [{ name: 'f', file, type: 'text/plain', content: 'x' }]
    const { uploads } = await read(multipartType, multipart(parts), { dir, ...settings })
    const { error, tmpName } = JSON.parse(uploads ?? '').f
    return [error, tmpName]
  }
  assert.deepEqual(await upload('x.PHP', { forbid: ['.php'] }), [8, ''])
  assert.deepEqual(await upload('x.txt', { allow: ['.png'] }), [8, ''])
  assert.deepEqual(await upload('', {}), [4, ''])
  await writeFile(join(dir, 'file'), '')
  assert.deepEqual(await upload('x.txt', { dir: join(dir, 'file', 'below') }), [6, ''])
  assert.deepEqual(await readdir(dir), ['file'])
})

test('a file that cannot be written is told as such', async (t) => {
  const dir = await folder(t)
  const parts = [{ name: 'f', file: 'x.txt', type: 'text/plain', content: 'x' }]
  const { uploads } = await read(multipartType, multipart(parts), { dir, id: 'no/such/folder' })
  assert.equal(JSON.parse(uploads ?? '').f.error, 7)
  assert.deepEqual(await readdir(dir), [])
})

test('a form that is refused leaves no file behind', async (t) => {
  const dir = await folder(t)
  const file = { name: 'f', file: 'x.txt', type: 'text/plain', content: 'x'.repeat(100_000) }
  const whole = multipart([file, { name: `a${'[b]'.repeat(200)}`, content: '1' }])
  await assert.rejects(read(multipartType, whole, { dir }), /levels deep/)
  const cut = multipart([file, file]).subarray(0, 150_000)
  await assert.rejects(read(multipartType, cut, { dir }), /multipart form cannot be read/)
  const nested = multipart([file, { ...file, name: `a${'[b]'.repeat(200)}` }])
  await assert.rejects(read(multipartType, nested, { dir }), /levels deep/)
  assert.deepEqual(await readdir(dir), [])
})

test('long names, parts without one and an empty file name are no fault', async (t) => {
  const dir = await folder(t)
  const long = `a${'[bbbbbbbbbb]'.repeat(30)}`
  const parts = [
    { name: long, content: '1' },
    { content: 'nobody' },
    { file: 'nobody.txt', type: 'text/plain', content: 'nobody' },
    { name: '__proto__', content: '2' },
  ]
  const { body, uploads } = await read(multipartType, multipart(parts), { dir })
  assert.match(String(body), /^\{"a":\{"bbbbbbbbbb".*"__proto__":"2"\}$/)
  assert.equal(uploads, undefined)
  assert.deepEqual(await readdir(dir), [])
})

test('a multipart form without a boundary, or that is none, is refused', async () => {
  await assert.rejects(read('multipart/form-data', 'x'), /Boundary/)
  for (const body of ['', 'nonsense', '--XX', '--XX\r\n\r\n'])
    await assert.rejects(read(multipartType, body), /cannot be read/, JSON.stringify(body))
})

test('however a multipart form is cut or garbled, reading it ends and leaves no file', async (t) => {
  const dir = await folder(t)
  const whole = multipart([
    { name: 'a', content: 'x'.repeat(20) },
    { name: 'f', file: 'x.txt', type: 'text/plain', content: 'y'.repeat(40) },
    { name: 'b', content: 'z' },
  ])
  const index = fc.nat({ max: whole.length - 1 })
  await fc.assert(
    fc.asyncProperty(index, index, fc.integer({ min: 0, max: 255 }), async (length, at, byte) => {
      const bytes = Buffer.from(whole.subarray(0, length))
      if (at < length) bytes[at] = byte
      await read(multipartType, bytes, { dir }).then(
        ({ clean }) => clean(),
        (error) => assert.ok(error instanceof Error && !(error instanceof TypeError), String(error)),
      )
    }),
    { numRuns: 300 },
  )
  assert.deepEqual(await readdir(dir), [])
})

test('a multipart form has 20 files and 1,000 fields at most, blank files aside, and one more is 413', async (t) => {
  const dir = await folder(t)
  const files = (count: number, file: string) =>
    Array.from({ length: count }, (_, at) => ({ name: `f${at}`, file, type: 'text/plain', content: 'x' }))
  const fields = (count: number) =>
    Array.from({ length: count }, (_, at) => ({ name: `v${at}`, content: 'x' }))
  const whole = [...files(20, 'a.txt'), ...files(10, ''), ...fields(990)]
  const { uploads, clean } = await read(multipartType, multipart(whole), { dir })
  assert.equal(Object.keys(JSON.parse(uploads ?? '')).length, 20)
  assert.equal((await readdir(dir)).length, 20)
  await clean()
  const cases = [
    [files(21, 'a.txt'), {}, /more than 20 files \(uploads\.max_files\)/],
    [files(9900, 'a.txt'), {}, /more than 20 files/],
    [fields(1001), {}, /more than 1000 fields \(uploads\.max_fields\)/],
    [files(1001, ''), {}, /more than 1000 fields/],
    [Array.from({ length: 1001 }, () => ({ content: '' })), {}, /more than 1000 fields/],
    [files(4, 'a.txt'), { maxFiles: 3 }, /more than 3 files/],
  ] as const
  for (const [parts, settings, message] of cases)
    await assert.rejects(read(multipartType, multipart(parts), { dir, ...settings }), {
      status: 413,
      message,
    })
  assert.deepEqual(await readdir(dir), [])
})

test('a form whose time is over is given up, and its files are removed', async (t) => {
  const dir = await folder(t)
  const content = 'x'.repeat(200_000)
  const parts = Array.from({ length: 20 }, (_, at) => ({
    name: `f${at}`,
    file: 'a.txt',
    type: 'text/plain',
    content,
  }))
  const body = multipart(parts)
  await assert.rejects(read(multipartType, body, { dir, signal: AbortSignal.abort() }), { status: 503 })
  for (const turns of [1, 30, 130]) {
    const over = new AbortController()
    const reading = assert.rejects(read(multipartType, body, { dir, signal: over.signal }), { status: 503 })
    for (let turn = 0; turn < turns; turn += 1) await new Promise((resolve) => setImmediate(resolve))
    over.abort()
    await reading
  }
  assert.deepEqual(await readdir(dir), [])
})

test('a part with a huge header, and parts that hold nothing, end in an answer', async () => {
  const huge = `--XX\r\nContent-Disposition: form-data; name="${'a'.repeat(1_000_000)}"\r\n\r\nx\r\n--XX--\r\n`
  const empty = '--XX\r\n\r\n\r\n'.repeat(5000)
  for (const body of [huge, `${empty}--XX--\r\n`])
    await read(multipartType, body).then(
      ({ body: tree }) => assert.ok(String(tree).length < 1_100_000),
      (error) => assert.ok(error instanceof Error),
    )
})
