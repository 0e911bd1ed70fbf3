import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { test } from 'node:test'
import { projectFolder } from '../helpers/project.js'

test('the demo sends every event, finds every answer as expected, and exits 0', () => {
  const run = spawnSync(process.execPath, [join(projectFolder, 'scripts/demo.mjs')], { encoding: 'utf8' })
  assert.equal(run.status, 0, run.stdout + run.stderr)
  assert.match(run.stdout, /15 of 15 answers as expected, [2-9] workers took part/)
})
