import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'
import { Ajv } from 'ajv'
import fc from 'fast-check'
import { builtInSections } from '../../../cmd/server/sections.js'
import { builtSections } from '../../../config/validation/built-sections.js'
import { ajvOptions } from '../../../config/validation/compile.js'
import { constraintsOf } from '../../../config/validation/constraints.js'
import { hashOf, validateConfig } from '../../../config/validation/validate.js'
import { commandWords } from '../../../src/core/command-words.js'
import type { Properties, Schema } from '../../../src/schema/kinds.js'
import { normalise } from '../../../src/schema/normalise.js'
import { type Section, schemaOf, section } from '../../../src/schema/section.js'
import type { Tree } from '../../../src/schema/tree.js'

const at = { file: 'rr.yaml', line: 1, column: 1 }

function treeOf(value: unknown): Tree {
  if (Array.isArray(value)) return { kind: 'list', items: value.map(treeOf), at }
  if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean')
    return { kind: 'scalar', value, isQuoted: false, at }
  const entries = Object.entries(Object(value)).map(
    ([key, one]) => [key, { at, value: treeOf(one) }] as const,
  )
  return { kind: 'map', entries: new Map(entries), at }
}

/** Every key of a section as a path, and an unknown one in every object. */
function pathsOf(properties: Properties, above: readonly string[] = []): (readonly string[])[] {
  const below = Object.entries(properties).flatMap(([key, schema]) => {
    const path = [...above, key]
    const kinds: readonly Schema[] = 'anyOf' in schema ? schema.anyOf : [schema]
    return [path, ...kinds.flatMap((kind) => ('properties' in kind ? pathsOf(kind.properties, path) : []))]
  })
  return [...below, [...above, 'unknown_key']]
}

const samples: readonly unknown[] = [
  ...[0, 1, -1, 1.5, 3000, 99_999_999, true, false, '', '4', 'many', 'auto', 'raw', 'on', 'off', 'json'],
  ...['60s', '0s', '16MB', 'pipes', 'fifo', 'unix://x', 'tcp://127.0.0.1:90', "php 'open", 'redrive', '0027'],
  ...[[], ['a'], [['a']], {}, { a: 'b' }, { 'a b': 'c' }, [{ A: 'b' }], { driver: 'memory' }],
]

test('generated validators of the built-in sections accept exactly what ajv accepts', () => {
  for (const { name, config } of builtInSections) {
    const generated = builtSections[hashOf(config)]
    assert.ok(generated, `build has no validator of "${name}:"`)
    const compiled = new Ajv(ajvOptions).compile(constraintsOf(config))
    const paths: (readonly string[])[] = config.entries
      ? [[], ...pathsOf({ name: config.entries })]
      : [[], ...pathsOf(config.properties)]
    let accepted = 0
    for (const path of paths) {
      for (const sample of samples) {
        const tree = treeOf(path.reduceRight<unknown>((value, key) => ({ [key]: value }), sample))
        const { value } = normalise(schemaOf(config), tree, { path: name, at })
        const isAccepted = generated(value)
        assert.equal(isAccepted, compiled(value), `${name}: ${path.join('.')}: ${JSON.stringify(sample)}`)
        accepted += isAccepted ? 1 : 0
      }
    }
    assert.ok(accepted > 0 && accepted < paths.length * samples.length, name)
  }
})

test('a section that differs from the built-in one of its name is not judged by the generated validator', async () => {
  const rpc = builtInSections.find(({ name }) => name === 'rpc')?.config
  assert.ok(rpc)
  const changed: Section = section({ ...rpc.properties, extra: { type: 'integer', minimum: 5 } })
  assert.equal(builtSections[hashOf(changed)], undefined)
  const check = (extra: number) =>
    validateConfig(
      new Map([['rpc', { at, value: treeOf({ extra }) }]]),
      [{ name: 'rpc', config: changed }],
      new Set(),
    )
  assert.deepEqual((await check(5)).problems, [])
  assert.match((await check(4)).problems[0]?.what ?? '', /"rpc\.extra": 4/)
})

test('the pattern of a command accepts what can be split into words', () => {
  const command = section({ command: { type: 'string', format: 'command' } })
  const accepts = new Ajv(ajvOptions).compile(constraintsOf(command))
  const part = fc.constantFrom('"', "'", '\\', ' ', 'a', '$', '\n', '`')
  fc.assert(
    fc.property(fc.array(part, { maxLength: 12 }), (parts) => {
      const text = parts.join('')
      assert.equal(accepts({ command: text }), commandWords(text) !== undefined, JSON.stringify(text))
    }),
    { numRuns: 3000 },
  )
})

test('a section without keys is judged without ajv, and one that has some is not', async () => {
  const module = new URL('../../../config/validation/validate.js', import.meta.url).href
  const program = `
    const { validateSection } = await import('${module}')
    const { _cache } = (await import('node:module')).Module
    const loaded = () => Object.keys(_cache).some((file) => file.includes('/ajv/'))
    const tree = (key) => ({ kind: 'map', at: {}, entries: new Map(key === undefined ? [] : [[key, {
      at: {}, value: { kind: 'scalar', value: 1, isQuoted: false, at: {} } }]]) })
    const found = []
    for (const key of [undefined, 'own']) {
      const { problems } = await validateSection({ name: 'x', config: { properties: {} } }, tree(key))
      found.push(problems.map(({ what }) => what), loaded())
    }
    console.log(JSON.stringify(found))`
  const run = spawnSync(process.execPath, ['--input-type=module', '-e', program], { encoding: 'utf8' })
  assert.deepEqual(JSON.parse(run.stdout), [[], false, ['unknown key "own" in "x"'], true], run.stderr)
})
