import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtemp, readdir, rm, symlink, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { sweepUploads, uploadId } from '../../../src/work/http/upload-sweep.js'

test('files of servers that are gone are removed at a start, and nobody else’s', async (t) => {
  const dir = await mkdtemp(join(tmpdir(), 'rr-sweep-'))
  t.after(() => rm(dir, { recursive: true, force: true }))
  const gone = spawnSync(process.execPath, ['-e', '']).pid
  const ours = uploadId()
  const of = (pid: number) => `upload${uploadId().replace(`-${process.pid}-`, `-${pid}-`)}`
  const kept = [
    `upload${ours}`,
    of(process.ppid),
    'upload-elsewhere-1-00000000-0000-0000-0000-000000000000',
    'upload123',
    `x${of(gone)}`,
    `${of(gone)}.txt`,
  ]
  const left = [of(gone), `upload${uploadId()}`, of(gone)]
  for (const name of [...kept, ...left.slice(0, 2)]) await writeFile(join(dir, name), 'x')
  await symlink('/nowhere', join(dir, left[2] ?? ''))
  const startedAtMs = Date.now()
  // Of an earlier process with our number.
  await utimes(join(dir, left[1] ?? ''), 1, 1)
  await utimes(join(dir, kept[0] ?? ''), startedAtMs / 1000 + 1, startedAtMs / 1000 + 1)
  assert.equal(await sweepUploads(dir, startedAtMs), 3)
  assert.deepEqual((await readdir(dir)).sort(), [...kept].sort())
  assert.equal(await sweepUploads(join(dir, 'nothing'), startedAtMs), 0)
})
