/** The section `fileserver`, without any worker. */
import assert from 'node:assert/strict'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { gunzipSync } from 'node:zlib'
import { ask } from '../helpers/http.js'
import { started, startRr, testFolder, workerText } from '../helpers/rr.js'

test('fileserver serves folders by the longest prefix, and nothing outside them', async (t) => {
  const folder = await testFolder(t)
  await mkdir(join(folder, 'public/deep'), { recursive: true })
  await writeFile(join(folder, 'public/a.txt'), '0123456789')
  await writeFile(join(folder, 'public/.env'), 'KEY=1')
  await writeFile(join(folder, 'public/deep/b.css'), 'x'.repeat(3000))
  await writeFile(join(folder, 'secret.txt'), 'secret')
  const config = [
    'version: "3"',
    `server: { command: ${JSON.stringify(workerText('echo'))} }`,
    'fileserver:',
    '  address: 127.0.0.1:0',
    '  calculate_etag: true',
    '  stream_request_body: true',
    '  serve:',
    '    - { prefix: /files, root: public, max_age: 10, bytes_range: true, cache_duration: 10 }',
    '    - { prefix: /files/deep/, root: public/deep, compress: true }',
    '',
  ].join('\n')
  const rr = await startRr(t, ['serve'], { folder, config })
  const port = Number(/:(\d+)$/.exec(String((await started(rr)).fileserver))?.[1])
  const get = (path: string, headers = {}) => ask(port, path, { headers })
  const file = await get('/files/a.txt?x=1')
  assert.deepEqual(
    [file.status, file.text, file.headers['cache-control']],
    [200, '0123456789', 'public, max-age=10'],
  )
  assert.equal((await get('/files/a.txt', { 'If-None-Match': file.headers.etag })).status, 304)
  const part = await get('/files/a.txt', { Range: 'bytes=2-4' })
  assert.deepEqual([part.status, part.text], [206, '234'])
  const packed = await get('/files/deep/b.css', { 'Accept-Encoding': 'gzip' })
  assert.deepEqual([packed.headers['content-encoding'], packed.headers['cache-control']], ['gzip', undefined])
  assert.equal(gunzipSync(packed.bytes).length, 3000)
  assert.equal((await get('/files/deep/b.css', { Range: 'bytes=2-4' })).status, 200)
  for (const path of [
    '/',
    '/a.txt',
    '/filesx/a.txt',
    '/files/',
    '/files/.env',
    '/files/../secret.txt',
    '/files/%2e%2e/secret.txt',
  ])
    assert.notEqual((await get(path)).status, 200, path)
  const posted = await ask(port, '/files/a.txt', { method: 'POST' })
  assert.deepEqual([posted.status, posted.headers.allow], [405, 'GET, HEAD'])
})
