import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { projectFolder } from './helpers/project.js'
import { testsOf } from './helpers/test-source.js'

const page = readFileSync(join(projectFolder, 'docs/lambda-guarantees.md'), 'utf8')
const [demands = '', troubles = '', beyond = ''] = page.split('\n## ').slice(1).map(rowsOf)

function rowsOf(section: string): string {
  return section.slice(section.indexOf('|---'))
}

/** The test of every row of a table, by its file and title. */
function testsNamed(rows: string) {
  return [...rows.matchAll(/^\| .+ \| .+ \| `([^`]+)`: (.+) \|$/gm)].map(([, file = '', title = '']) => ({
    file,
    title,
  }))
}

/** Counts the rows with text in every cell. */
function rowsCount(rows: string): number {
  return [...rows.matchAll(/^\| [^|]+ \| [^|]+ \| [^|]+ \|$/gm)].length
}

test('each guarantee of docs/lambda-guarantees.md names a test that runs and checks something', () => {
  const named = [...testsNamed(demands), ...testsNamed(troubles)]
  assert.equal(named.length, rowsCount(demands) + rowsCount(troubles))
  for (const { file, title } of named) {
    const tests = testsOf(readFileSync(join(projectFolder, file), 'utf8'))
    const found = tests.filter((one) => one.title.test(title))
    assert.equal(found.length, 1, `${file} has ${found.length} tests with the title "${title}"`)
    assert.ok(found[0]?.hasProof, `${file}: "${title}" checks nothing`)
    assert.ok(!found[0]?.isSkipped, `${file}: "${title}" is skipped`)
  }
})

test('the page has all 13 demands of the platform and all 25 troubles', () => {
  assert.equal(rowsCount(demands), 13)
  assert.equal(rowsCount(troubles) + rowsCount(beyond), 25)
})

test('a trouble that only a configuration can end is found by the rule of rr lambda check that is named', () => {
  const rules = readFileSync(join(projectFolder, 'tests/lambda-check/rules.test.ts'), 'utf8')
  const named = [...beyond.matchAll(/\| `([a-z-]+)` \|$/gm)].map(([, rule = '']) => rule)
  assert.deepEqual(named, ['reserved-concurrency', 'visibility-short'])
  for (const rule of named) assert.ok(rules.includes(`rule: '${rule}'`), `${rule} is not tested`)
})

const skip = '.skip'
const body = '{ assert.equal(1, 1) }'
const sources: readonly [source: string, proves: boolean, isSkipped: boolean][] = [
  [`test('works', () => ${body})`, true, false],
  [`await t.test('works', () => ${body})`, true, false],
  [`test('works', { skip: missing('php') }, async () => { await response.ended() })`, true, false],
  [`test('works', () => {})`, false, false],
  [`test('works', () => { const one = 1 })`, false, false],
  [`test('works')`, false, false],
  [`test${skip}('works', () => ${body})`, true, true],
  [`test('works', { todo: 'later' }, () => ${body})`, true, true],
  [`test('works', { skip: true }, () => ${body})`, true, true],
]
test('a test without a body, an assertion or an awaited call proves nothing', () => {
  for (const [source, hasProof, isSkipped] of sources) {
    assert.deepEqual(testsOf(source), [{ title: /^works$/, hasProof, isSkipped }], source)
  }
})
