import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { test } from 'node:test'
import { projectFolder } from './helpers/project.js'

test('docs/configuration.md matches the sections, and docs/api.md the declarations of the exports', () => {
  const words = [join(projectFolder, 'scripts/docs.mjs'), '--check']
  const run = spawnSync(process.execPath, words, { encoding: 'utf8' })
  assert.equal(run.status, 0, run.stderr)
})
