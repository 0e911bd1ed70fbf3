/** Changesets make a version that the release takes: the number everywhere, and a section of the changelog. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { projectFolder } from './helpers/project.js'
import { testFolder } from './helpers/rr.js'

test('npm run version makes the next version of a changeset', async (t) => {
  const folder = await testFolder(t)
  const files = ['package.json', 'package-lock.json', 'CHANGELOG.md', '.changeset', 'cmd/version.ts']
  mkdirSync(join(folder, 'cmd'))
  for (const file of [...files, 'scripts/version.mjs'])
    cpSync(join(projectFolder, file), join(folder, file), { recursive: true })
  symlinkSync(join(projectFolder, 'node_modules'), join(folder, 'node_modules'))
  writeFileSync(
    join(folder, '.changeset/quick-cats.md'),
    '---\n"relayrunner": minor\n---\n\n`rr purr` purrs.\n',
  )
  const git = (...words: string[]) => spawnSync('git', words, { cwd: folder, encoding: 'utf8' })
  git('init', '-q', '-b', 'main')
  git('-c', 'user.name=t', '-c', 'user.email=t@example.org', 'commit', '-q', '--allow-empty', '-m', 'x')
  const read = (file: string) => readFileSync(join(folder, file), 'utf8')
  const [major = 0, minor = 0] = String(JSON.parse(read('package.json')).version)
    .split('.')
    .map(Number)
  const next = `${major}.${minor + 1}.0`

  const made = spawnSync('npm', ['run', 'version'], { cwd: folder, encoding: 'utf8' })
  assert.equal(made.status, 0, made.stdout + made.stderr)
  assert.equal(JSON.parse(read('package.json')).version, next)
  assert.equal(JSON.parse(read('package-lock.json')).version, next)
  assert.match(
    read('cmd/version.ts'),
    new RegExp(`^export const version = '${next.replaceAll('.', '\\.')}'$`, 'm'),
  )
  assert.match(
    read('CHANGELOG.md'),
    new RegExp(`^# Changelog\n+## ${next}\n+### Minor Changes\n+- .*\`rr purr\` purrs\\.`),
  )
  // As the release demands.
  assert.deepEqual(readdirSync(join(folder, '.changeset')).sort(), ['README.md', 'config.json'])
})
