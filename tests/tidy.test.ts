import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { ErrorCode } from '../src/core/errors.js'
import { imports, texts } from './helpers/imports.js'
import { projectFolder } from './helpers/project.js'

/** Most files are under 300; one that needs more than this is two. */
const linesMax = 350

test('no file is longer than one thought is', () => {
  for (const [file, text] of texts) {
    const lines = text.split('\n').length - 1
    assert.ok(lines <= linesMax, `${file} has ${lines} lines`)
  }
})

test('each package has one home, and none is imported where a cold start would pay for it', () => {
  // AWS's clients are optional: each that needs one asks for it where it is used.
  const homes: Readonly<Record<string, string | readonly string[]>> = {
    '@aws-sdk/client-sqs': ['src/work/queues/sqs/', 'src/lambda-check/'],
    '@aws-sdk/client-lambda': 'src/lambda-check/',
    amqplib: 'src/plugins/amqp/',
    '@platformatic/kafka': 'src/plugins/kafka/',
    '@fastify/busboy': 'src/work/http/',
    compression: 'src/work/http/',
    send: 'src/work/http/',
    mysql2: 'src/plugins/laravel-database/',
    'mysql2/promise': 'src/plugins/laravel-database/',
    protobufjs: 'src/plugins/grpc/',
    // The types of rows and clients are used where statements are.
    pg: ['src/work/postgres/', 'src/plugins/postgres/', 'src/plugins/laravel-database/'],
    '@nats-io/jetstream': 'src/plugins/nats/',
    '@nats-io/transport-node': 'src/plugins/nats/',
    pino: 'src/logging/',
    ajv: 'config/',
    yaml: 'config/',
    commander: 'cmd/',
    undici: 'cmd/',
    'ansi-escapes': 'cmd/remote/top/',
    'string-width': 'cmd/remote/top/',
    ioredis: 'src/work/redis/',
    'prom-client': 'src/plugins/metrics/',
    '@opentelemetry/api': 'src/plugins/otel/',
    '@opentelemetry/core': 'src/plugins/otel/',
    '@opentelemetry/exporter-trace-otlp-proto': 'src/plugins/otel/',
    '@opentelemetry/exporter-zipkin': 'src/plugins/otel/',
    '@opentelemetry/resources': 'src/plugins/otel/',
    '@opentelemetry/sdk-trace-base': 'src/plugins/otel/',
    tinypool: 'src/supervisor/',
    pbf: 'src/ipc/rpc/',
    '@msgpack/msgpack': 'src/ipc/rpc/',
  }
  for (const { from, to } of imports) {
    if (texts.has(to) || to.startsWith('node:') || to === 'relayrunner/package.json') continue
    const places = [homes[to] ?? []].flat()
    assert.ok(
      places.some((home) => from.startsWith(home)),
      `${from} imports ${to}`,
    )
  }
  for (const { from, to, isType } of imports)
    assert.ok(
      to !== 'pg' || isType || from.startsWith('src/work/postgres/'),
      `${from} opens PostgreSQL itself`,
    )
  const heavy =
    /^(ajv|pino|yaml|undici|tinypool|pg|mysql2(?:\/promise)?|@nats-io\/(?:jetstream|transport-node)|pbf|@msgpack\/msgpack|@fastify\/busboy|amqplib|@platformatic\/kafka|ioredis|compression|protobufjs|send|@opentelemetry\/[\w-]+|@aws-sdk\/client-(lambda|sqs))$/
  for (const { from, to, isType, isLazy } of imports)
    assert.ok(!heavy.test(to) || isType || isLazy, `${from} imports ${to} eagerly`)
})

const words: readonly [what: RegExp, allowed: RegExp][] = [
  [/\bprocess\.env\b/, /^(cmd\/|config\/env\.ts|workers\/node\/)/],
  [/\bprocess\.exit\(/, /^(cmd\/|workers\/node\/)/],
  [/\bconsole\.\w+\(/, /^(cmd\/|workers\/node\/)/],
  [/\bDate\.now\(/, /^(cmd\/|src\/core\/clock\.ts|workers\/node\/)/],
  [/\bMath\.random\(/, /^cmd\//],
  [/: any\b|<any>|as any\b/, /^$/],
  // What is parsed is unknown until it was checked, and an array has no holes.
  [/\b(?:const|let) [^=\n]*: (?!unknown\b)[^=\n]* = JSON\.parse\(|JSON\.parse\([^\n]*\) as\b/, /^$/],
  [/\bnew Array\(/, /^$/],
  [/^(export )?(const )?enum /m, /^$/],
  [/^export default (?!definePlugin|async function run)/m, /^$/],
  [/^export \* /m, /^$/],
  [/\.catch\(\s*\)/, /^$/],
  [/\b(TODO|FIXME|XXX)\b/, /^$/],
  [/@ts-(ignore|expect-error|nocheck)/, /^$/],
]
test('words that have no place in our code', () => {
  for (const [file, text] of texts) {
    const code = text.replace(/\/\*[\s\S]*?\*\//g, '').replace(/^\s*\/\/.*$/gm, '')
    for (const [what, allowed] of words) assert.ok(!what.test(code) || allowed.test(file), `${file}: ${what}`)
  }
})

test('every file opens by saying what it is for, and every export of ours has a docstring', () => {
  for (const [file, text] of texts) {
    // A program may begin with lines for a shell, which are comments to Node.
    assert.match(text.replace(/^#!.*\n(\/\/ 2>.*\n)*/, ''), /^\/\*\*/, file)
    const bare =
      /(?:^|\n)(?!\s*\*\/|\/\/)([^\n]*)\nexport (?:async )?(?:function|class|interface|const) (\w+)/g
    for (const [, before = '', name = ''] of text.matchAll(bare)) {
      const isDocumented = before.trimEnd().endsWith('*/') || before.startsWith('//')
      assert.ok(isDocumented || file === 'src/index.ts', `${file}: ${name} has no docstring`)
    }
  }
})

test('a docstring begins with the thing or the verb', () => {
  const pronoun =
    /\/\*\*\s*(?:\* )?((?:What|How|Who|Whom|Whose|Whether|Those|These|That|This|It|They|The ones?|Or|Where|When|If|Of|From|As|Nothing|Nobody|Something|Somebody|Its|Their|Which|Beside|Whoever|Whatever)\b[^\n]*)/g
  for (const [file, text] of texts)
    for (const [, sentence = ''] of text.matchAll(pronoun)) assert.fail(`${file}: "${sentence}"`)
})

test('messages say "is not a", never "is no"', () => {
  const wrong = /(?<![Tt]here )\b(?:is|are|was|were) no (?!longer\b|one\b)[a-z]+/gi
  for (const [file, text] of texts)
    for (const [words = ''] of text.matchAll(wrong)) assert.fail(`${file}: "${words}"`)
})

test('programs are not called whoever, somebody or anybody', () => {
  for (const [file, text] of texts)
    for (const [words = ''] of text.matchAll(/[^\n]*\b(?:whoever|whom|somebody|everybody|anybody)\b[^\n]*/gi))
      assert.fail(`${file}: "${words.trim()}"`)
})

test('no two files export the same name', () => {
  const homes = new Map<string, string>()
  // The SDK is another program: it has the server's words for the same things.
  for (const [file, text] of [...texts].filter(([one]) => !one.startsWith('workers/')))
    for (const [, name = ''] of text.matchAll(
      /^export (?:async )?(?:function|class|interface|type|const) (\w+)/gm,
    )) {
      const home = homes.get(name) ?? file
      assert.equal(file, home, `${name} is exported by ${home} and by ${file}`)
      homes.set(name, file)
    }
})

test('the glossary has at most 25 words, all of which the code uses', () => {
  const page = readFileSync(join(projectFolder, 'ARCHITECTURE.md'), 'utf8')
  const glossary = [...page.matchAll(/^\| \*\*([^*]+)\*\* \|/gm)].map(([, word = '']) => word)
  assert.ok(glossary.length > 0 && glossary.length <= 25, `${glossary.length} words`)
  const code = [...texts.values()].join('\n').toLowerCase()
  for (const word of glossary)
    assert.match(code, new RegExp(`\\b${word.replace(' ', '[ _-]?')}`), `no file has the word ${word}`)
})

test('no page has a line that a merge left behind', () => {
  const folders = ['docs', 'examples', '.']
  const pages = folders.flatMap((folder) =>
    readdirSync(join(projectFolder, folder), { recursive: folder !== '.', encoding: 'utf8' })
      .filter((name) => name.endsWith('.md'))
      .map((name) => join(folder, name)),
  )
  assert.ok(pages.length > 10)
  for (const page of pages)
    assert.doesNotMatch(readFileSync(join(projectFolder, page), 'utf8'), /^(<{7}|={7}$|>{7})/m, page)
})

test('a test’s title fits on a line of a report', () => {
  const files = readdirSync(join(projectFolder, 'tests'), { recursive: true, encoding: 'utf8' })
  for (const file of files.filter((one) => one.endsWith('.ts'))) {
    const text = readFileSync(join(projectFolder, 'tests', file), 'utf8')
    for (const [, title = ''] of text.matchAll(/\btest\(\s*['"`]([^'"`\n]{101,})['"`],/g))
      assert.fail(`${file}: "${title}"`)
  }
})

test('every error code is thrown somewhere and explained in docs/errors.md, which explains no other', () => {
  const page = readFileSync(join(projectFolder, 'docs/errors.md'), 'utf8')
  const code = [...texts]
    .filter(([file]) => file !== 'src/core/errors.ts')
    .map(([, text]) => text)
    .join('\n')
  for (const [name, value] of Object.entries(ErrorCode)) {
    assert.match(code, new RegExp(`ErrorCode\\.${name}\\b`), `${name} is thrown nowhere`)
    assert.ok(page.includes(`| \`${value}\` |`), `${value} is not in docs/errors.md`)
  }
  const known = new Set<string>(Object.values(ErrorCode))
  for (const [, value = ''] of page.matchAll(/\| `(RR_[A-Z_]+)` \|/g))
    assert.ok(known.has(value), `${value} is not a code of ours`)
})

test('tests do not sleep', () => {
  const files = readdirSync(join(projectFolder, 'tests'), { recursive: true, encoding: 'utf8' })
  for (const file of files.filter((one) => one.endsWith('.test.ts') && one !== 'tidy.test.ts')) {
    const text = readFileSync(join(projectFolder, 'tests', file), 'utf8')
    assert.ok(!/setTimeout\(r(esolve)?\b|await sleep\(\d/.test(text), `${file} sleeps`)
    assert.ok(!/\b(test|it|describe)\.(only|skip|todo)\(/.test(text), `${file} skips or focuses`)
  }
})
