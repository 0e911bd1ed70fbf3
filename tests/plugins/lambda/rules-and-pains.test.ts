import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { projectFolder } from '../../helpers/project.js'

const folder = join(projectFolder, 'tests')

/** Names of all tests, by the kind and number that they begin with. */
const named = new Map<string, string[]>()
for (const file of readdirSync(folder, { recursive: true, encoding: 'utf8' })) {
  if (!file.endsWith('.test.ts')) continue
  const text = readFileSync(join(folder, file), 'utf8')
  for (const [, name = ''] of text.matchAll(/\btest\(\s*(['`](?:rule|pain) \d+: [^\n]*)/g)) {
    const key = /(?:rule|pain) \d+/.exec(name)?.[0] ?? ''
    named.set(key, [...(named.get(key) ?? []), name])
  }
}

const rulesCount = 13
const painsCount = 25

/** Pains that no runtime can end, and what we do instead; `check` is the rule of `rr lambda check` that finds it. */
const beyondUs: ReadonlyMap<number, { readonly why: string; readonly check?: string }> = new Map([
  [
    13,
    {
      why: 'throttled messages never reach the function: the mapping and the queue are set otherwise',
      check: 'reserved-concurrency',
    },
  ],
  [14, { why: 'the visibility timeout is the queue’s', check: 'visibility-short' }],
  [
    20,
    {
      why: 'we fetch no secret; whoever does owns its requests, and AWS’s extension caches them for all workers',
    },
  ],
  [21, { why: 'connections are the workers’ own; what we can, telling them of a thaw, is pain 2' }],
])

test('each of the thirteen rules of the platform has a test that bears its number', () => {
  for (let rule = 1; rule <= rulesCount; rule += 1)
    assert.ok(named.has(`rule ${rule}`), `no test begins with "rule ${rule}: "`)
})

test('each of the 25 pains of other runtimes’ users has a test that bears its number, or a reason why not', () => {
  for (let pain = 1; pain <= painsCount; pain += 1) {
    const hasTest = named.has(`pain ${pain}`)
    assert.ok(hasTest || beyondUs.has(pain), `no test begins with "pain ${pain}: "`)
    assert.ok(!hasTest || !beyondUs.has(pain), `pain ${pain} has a test: it is not beyond us`)
  }
})

test('what is beyond us and can be seen in a function’s configuration is found by rr lambda check', () => {
  const rules = readFileSync(join(folder, 'lambda-check/rules.test.ts'), 'utf8')
  for (const { check } of beyondUs.values())
    if (check !== undefined) assert.ok(rules.includes(`rule: '${check}'`), `${check} is not tested`)
})

test('no test bears two numbers, and none a number that there is not', () => {
  for (const [key, names] of named) {
    const [kind, number] = key.split(' ')
    assert.ok(Number(number) >= 1 && Number(number) <= (kind === 'rule' ? rulesCount : painsCount), key)
    for (const name of names) assert.equal(name.match(/\b(?:rule|pain) \d+\b/g)?.length, 1, name)
  }
})
