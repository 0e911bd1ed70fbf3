import assert from 'node:assert/strict'
import { test } from 'node:test'
import { concernsWorkers, patternOf } from '../../../../cmd/server/dev/loaded-files.js'

const cases: readonly (readonly [command: string, path: string, restarts: boolean])[] = [
  ['php worker.php', 'src/Order.php', true],
  ['/usr/bin/php8.2 -d x=1 worker.php', 'templates/mail.html.twig', true],
  ['php worker.php', '.env.local', true],
  ['php worker.php', 'artisan', true],
  ['php worker.php', 'inv.out', false],
  ['php worker.php', 'boom.txt', false],
  ['php worker.php', 'app.js', false],
  ['node worker.mjs', 'lib/a.MJS', true],
  ['node worker.mjs', 'config.json', true],
  ['node worker.mjs', 'notes.md', false],
  ['node worker.mjs', 'config/..data', true],
  ['python3 -m app', 'app/models.py', true],
  ['python3 -m app', 'out.json', false],
  ['node worker.mjs /app/rules.txt', 'rules.txt', true],
  // What it loads is not known.
  ['./worker', 'data.bin', true],
  ['sh -c "exec php worker.php"', 'a.php', true],
]

test('a change restarts workers when their language loads such files', () => {
  for (const [command, path, restarts] of cases)
    assert.equal(concernsWorkers([command], { watch: [] })(path), restarts, `${command}: ${path}`)
  const two = concernsWorkers(['node a.mjs', 'php b.php'], { watch: [] })
  assert.deepEqual([two('a.js'), two('a.php'), two('a.py')], [true, true, false])
  assert.ok(concernsWorkers(['php worker.php'], { watch: ['templates/**'] })('templates/deep/a.html'))
})

const patterns: readonly (readonly [pattern: string, path: string, matches: boolean])[] = [
  ['tmp/', 'tmp/a/b.php', true],
  ['tmp', 'src/tmp/b.php', true],
  ['./tmp', 'src/tmp/b.php', false],
  ['*.generated.php', 'src/a.generated.php', true],
  ['*.generated.php', 'src/agenerated.php', false],
  ['src/*.js', 'src/a/b.js', false],
  ['src/**/*.js', 'src/a/b.js', true],
  ['src/**/*.js', 'src/b.js', true],
  ['a+b?.js', 'a+bc.js', true],
  ['tmp', 'tmpfile.php', false],
]

test('a pattern matches names, folders, and all that is below them', () => {
  for (const [pattern, path, matches] of patterns)
    assert.equal(patternOf([pattern])(path), matches, `${pattern}: ${path}`)
  assert.equal(patternOf([])('a'), false)
})
