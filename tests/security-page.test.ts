/** docs/security.md: the tests that it names exist, and what it says of dependencies is so. */
import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { projectFolder } from './helpers/project.js'

const page = readFileSync(join(projectFolder, 'docs/security.md'), 'utf8')

test('every test that the page names exists', () => {
  const named = [...page.matchAll(/`(tests\/[\w./-]+)`/g)].map(([, file = '']) => file)
  assert.ok(named.length > 5)
  for (const file of named) assert.ok(existsSync(join(projectFolder, file)), file)
})

test('no dependency has an install script', () => {
  const lock: { packages: Record<string, { dev?: boolean; hasInstallScript?: boolean }> } = JSON.parse(
    readFileSync(join(projectFolder, 'package-lock.json'), 'utf8'),
  )
  const inProduction = Object.entries(lock.packages).filter(([name, { dev }]) => name !== '' && dev !== true)
  assert.ok(inProduction.length > 5)
  for (const [name, { hasInstallScript }] of inProduction) assert.notEqual(hasInstallScript, true, name)
})

test('the package holds the page that says how to report', () => {
  const { files }: { files: string[] } = JSON.parse(readFileSync(join(projectFolder, 'package.json'), 'utf8'))
  assert.ok(files.includes('SECURITY.md'))
})
