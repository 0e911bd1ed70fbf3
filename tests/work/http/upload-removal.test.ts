import assert from 'node:assert/strict'
import { mkdir, readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { systemClock } from '../../../src/index.js'
import { uploadRemover } from '../../../src/work/http/upload-removal.js'
import { recordingLogger } from '../../helpers/pool.js'
import { testFolder } from '../../helpers/rr.js'

test('of uploaded files that cannot be removed the first is warned of, then one a minute with a count', async (t) => {
  const folder = await testFolder(t)
  // A worker put a folder in place of its file: the system refuses to remove that, root's server, too.
  const stuck = join(folder, 'stuck')
  await mkdir(stuck)
  const log = recordingLogger()
  let nowMs = 5
  const remove = uploadRemover({ log, clock: { ...systemClock, monotonicMs: () => nowMs } })
  await writeFile(join(folder, 'fine'), 'x')
  await remove(join(folder, 'fine'))
  await remove(join(folder, 'never there'))
  assert.deepEqual([await readdir(folder), log.lines], [['stuck'], []])
  for (const [atMs, times] of [
    [10, 3],
    [60_009, 1],
    [60_010, 2],
    [120_010, 1],
  ] as const) {
    nowMs = atMs
    for (let at = 0; at < times; at += 1) await remove(stuck)
  }
  assert.deepEqual(
    log.lines.map(({ level, fields, message }) => [level, fields.path, fields.code, fields.others, message]),
    [undefined, 3, 1].map((others) => {
      return ['warn', stuck, 'ERR_FS_EISDIR', others, 'an uploaded file could not be removed']
    }),
  )
  assert.match(String(log.lines[0]?.fields.reason), /stuck/)
})
