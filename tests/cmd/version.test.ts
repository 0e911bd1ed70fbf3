import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { version } from '../../cmd/version.js'
import { projectFolder } from '../helpers/project.js'

test('the version in the code is that of package.json', () => {
  assert.equal(version, JSON.parse(readFileSync(join(projectFolder, 'package.json'), 'utf8')).version)
})
