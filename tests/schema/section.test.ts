import assert from 'node:assert/strict'
import { test } from 'node:test'
import { validateConfig } from '../../config/validation/validate.js'
import { parseYaml } from '../../config/yaml/yaml.js'
import { defaultsOf } from '../../src/schema/defaults.js'
import { withParts } from '../../src/schema/parts.js'
import {
  mapSection,
  required,
  type Section,
  type SectionConfig,
  secret,
  section,
  variant,
} from '../../src/schema/section.js'
import { formatProblem } from '../../src/schema/tree.js'

const listedAt = { file: 'rr.yaml', line: 9, column: 3 }

async function check(config: Section, text: string) {
  const { tree } = await parseYaml(text, { file: 'rr.yaml', env: {} })
  const entries = tree.kind === 'map' ? tree.entries : new Map()
  const owner = { name: 'own', config, at: listedAt }
  const { values, problems } = await validateConfig(entries, [owner], new Set(['own']))
  return { value: values.get('own'), problems: problems.map(formatProblem) }
}

const web = section({
  address: required({ type: 'string', pattern: '^.+:[0-9]+$', patternText: 'HOST:PORT' }),
  workers: { type: 'integer', minimum: 1, default: 2 },
  tls: {
    type: 'object',
    optional: true,
    properties: { cert: required({ type: 'string' }), key: { type: 'string' } },
  },
})

test('a required key is there in the value and in its type', async () => {
  const { value, problems } = await check(web, 'own: { address: "localhost:80" }')
  assert.deepEqual(problems, [])
  const config = value as SectionConfig<typeof web>
  const address: string = config.address
  const workers: number = config.workers
  assert.deepEqual([address, workers, config.tls], ['localhost:80', 2, undefined])
})

const missing: readonly [text: string, problem: string][] = [
  ['own: { workers: 1 }', 'rr.yaml:1:6: "own" has no "address", expected HOST:PORT'],
  ['own: { address: }', 'rr.yaml:1:17: "own.address" is empty, expected HOST:PORT'],
  ['own: { address: x }', 'rr.yaml:1:17: "own.address": "x", expected HOST:PORT'],
  ['own: { address: "a:1", tls: { key: k } }', 'rr.yaml:1:29: "own.tls" has no "cert", expected a text'],
  ['version: "3"', 'rr.yaml:9:3: "own" has no "address", expected HOST:PORT'],
]
test('a required key that is missing is a fault where it should stand, or where the plugin is listed', async () => {
  for (const [text, problem] of missing) assert.deepEqual((await check(web, text)).problems, [problem], text)
})

test('a secret is never shown in a fault', async () => {
  const config = section({
    password: secret({ type: 'string', pattern: '^.{8,}$', patternText: '8 letters' }),
  })
  const { problems } = await check(config, 'own: { password: hunter2 }')
  assert.deepEqual(problems, ['rr.yaml:1:18: "own.password": ***, expected 8 letters'])
})

const sqs = {
  name: 'sqs',
  properties: {
    queue: required({ type: 'string' }),
    wait: { type: 'string', format: 'duration', default: '20s' },
  },
} as const
const memory = { name: 'memory', properties: { max: { type: 'integer', minimum: 1, default: 100 } } } as const
const pipelines = mapSection(variant('driver', [sqs, memory], { priority: { type: 'integer', default: 10 } }))

test('the keys of a variant are those of the part that it names', async () => {
  const { value, problems } = await check(
    pipelines,
    'own:\n  a: { driver: sqs, config: { queue: q } }\n  b: { driver: memory, priority: 1 }',
  )
  assert.deepEqual(problems, [])
  assert.deepEqual(value, {
    a: { driver: 'sqs', priority: 10, config: { queue: 'q', wait: 20_000 } },
    b: { driver: 'memory', priority: 1, config: { max: 100 } },
  })
  const { a } = value as SectionConfig<typeof pipelines>
  const queue: string | undefined = a?.driver === 'sqs' ? a.config.queue : undefined
  assert.equal(queue, 'q')
})

const wrongParts: readonly [text: string, problem: RegExp][] = [
  [
    '{ driver: sqss, config: { queue: q } }',
    /^rr\.yaml:1:21: "own\.a\.driver": "sqss", .*one of sqs, memory/,
  ],
  ['{ driver: sqss }', /did you mean "sqs"\?/],
  ['{ config: { queue: q } }', /^rr\.yaml:1:11: "own\.a" has no "driver", expected one of sqs, memory$/],
  ['{ driver: sqs }', /^rr\.yaml:1:11: "own\.a\.config" has no "queue", expected a text$/],
  ['{ driver: sqs, config: {} }', /^rr\.yaml:1:34: "own\.a\.config" has no "queue", expected a text$/],
  ['{ driver: memory, config: { max: 0 } }', /^rr\.yaml:1:44: "own\.a\.config\.max": 0, expected a whole/],
  [
    '{ driver: memory, config: { maxx: 1 } }',
    /^rr\.yaml:1:39: unknown key "maxx" in "own\.a\.config".*"max"/,
  ],
  ['{ driver: memory, prio: 1 }', /^rr\.yaml:1:29: unknown key "prio" in "own\.a"/],
  ['{ driver: memory, config: 7 }', /"own\.a\.config": 7, expected keys with values/],
  ['{ driver: [sqs] }', /"own\.a\.driver": a list, expected one of sqs, memory/],
]
test('a variant without its part, or with keys of another, is a fault with place and nearest name', async () => {
  for (const [text, problem] of wrongParts) {
    const { problems } = await check(pipelines, `own: { a: ${text} }`)
    assert.equal(problems.length, 1, `${text}\n${problems.join('\n')}`)
    assert.match(problems[0] ?? '', problem, text)
  }
})

test('parts that other plugins bring join a variant before it is validated', async () => {
  const open = section({ store: variant('driver', { name: 'Storage' }) })
  const joined = withParts(open, (service) => (service === 'Storage' ? [memory] : []))
  const { value, problems } = await check(joined, 'own: { store: { driver: memory } }')
  assert.deepEqual(problems, [])
  assert.deepEqual(value, { store: { driver: 'memory', config: { max: 100 } } })
  assert.match(
    (await check(open, 'own: { store: { driver: memory } }')).problems.join(),
    /"memory", expected a name that a plugin brings/,
  )
})

test('the defaults of a section are the config of which nothing is written', () => {
  assert.deepEqual(defaultsOf(section({ a: { type: 'string', format: 'size', default: '1KB' } })), {
    a: 1024,
  })
  assert.deepEqual(defaultsOf(web), { workers: 2, tls: undefined })
})
