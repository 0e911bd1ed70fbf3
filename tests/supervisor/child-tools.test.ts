import assert from 'node:assert/strict'
import { readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { ChildTools } from '../../src/supervisor/child-tools.js'
import { recordingLogger } from '../helpers/pool.js'
import { testFolder } from '../helpers/rr.js'

test('FIFOs of a killed server of the same pid are replaced, and none is left after an orderly end', async (t) => {
  const folder = await testFolder(t)
  writeFileSync(join(folder, `fifo-${process.pid}-0`), '')
  const tools = new ChildTools({ folder, log: recordingLogger(), isSparing: true })
  tools.fifos.prepare(3)
  assert.equal((await tools.fifos.take(1))?.length, 1)
  assert.equal(readdirSync(folder).length, 3)
  await tools.close()
  assert.equal(readdirSync(folder).length, 1, 'one was taken')
})
