import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { projectFolder } from './helpers/project.js'
import { testsOf } from './helpers/test-source.js'

const read = (file: string) => readFileSync(join(projectFolder, file), 'utf8')
const rows = read('docs/guarantees.md')
  .split('\n')
  .filter((line) => line.startsWith('| ') && !line.startsWith('| Promise'))

test('each promise of docs/guarantees.md names one test that runs and checks something', () => {
  assert.ok(rows.length > 30)
  for (const row of rows) {
    const [, file = '', title = ''] = /^\| .+ \| `([^`]+)`: (.+) \|$/.exec(row) ?? []
    assert.notEqual(file, '', row)
    const text = read(file)
    if (file.startsWith('testing/')) {
      const names = [...text.matchAll(/name: (['`])(.+)\1,/g)].map(([, , name = '']) => name)
      const found = names.filter((name) => patternOf(name).test(title))
      assert.equal(found.length, 1, `${file} has ${found.length} cases named "${title}"`)
      continue
    }
    const found = testsOf(text).filter((one) => one.title.test(title))
    assert.equal(found.length, 1, `${file} has ${found.length} tests with the title "${title}"`)
    assert.ok(found[0]?.hasProof, `${file}: "${title}" checks nothing`)
    assert.ok(!found[0]?.isSkipped, `${file}: "${title}" is skipped`)
  }
})

/** Matches the name of a case; a value within it may be any text. */
function patternOf(name: string): RegExp {
  const parts = name.split(/\$\{[^}]*\}/).map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'))
  return new RegExp(`^${parts.join('.*')}$`)
}
