import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { parse } from 'yaml'
import { projectFolder } from './helpers/project.js'

const read = (file: string) => readFileSync(join(projectFolder, file), 'utf8')
const smoke: { readonly nodes: readonly string[]; readonly tests: readonly string[] } = JSON.parse(
  read('scripts/smoke.json'),
)
const workflow = parse(read('.github/workflows/ci.yml'))
const majors = smoke.nodes.map((version) => Number(version.split('.')[0]))

test('CI tests the same major versions of Node everywhere, and the oldest is the one to develop with', () => {
  assert.deepEqual(workflow.jobs.test.strategy.matrix.node, majors)
  assert.equal(Number(read('.nvmrc')), Math.min(...majors))
  assert.match(JSON.parse(read('package.json')).engines.node, new RegExp(`^>=${Math.min(...majors)}\\.`))
})

test('CI runs .ci/run, may only read, and takes actions by their full version', () => {
  const steps: { readonly uses?: string; readonly run?: string }[] = workflow.jobs.test.steps
  assert.equal(steps.at(-1)?.run, 'bash .ci/run')
  assert.deepEqual(workflow.permissions, { contents: 'read' })
  for (const { uses } of steps) assert.match(uses ?? '@v1.0.0', /@v\d+\.\d+\.\d+$/)
})

test('the test files that run with every version of Node exist', () => {
  for (const name of smoke.tests)
    assert.ok(existsSync(join(projectFolder, `tests/${name}.test.ts`)), `tests/${name}.test.ts`)
})

test('a release is published after the tests, from its own tag, with provenance and an SBOM', () => {
  const { on, jobs, permissions } = parse(read('.github/workflows/release.yml'))
  assert.deepEqual(
    [on.push.tags, permissions, jobs.publish.needs],
    [['v*.*.*'], { contents: 'read' }, 'test'],
  )
  const steps: { readonly uses?: string; readonly run?: string }[] = [
    ...jobs.test.steps,
    ...jobs.publish.steps,
  ]
  for (const { uses } of steps) assert.match(uses ?? '@v1.0.0', /@v\d+\.\d+\.\d+$/)
  const commands = steps.map(({ run }) => run ?? '').join('\n')
  for (const wanted of ['bash .ci/run', 'npm sbom', '--provenance', '"v$version"'])
    assert.ok(commands.includes(wanted), wanted)
})
