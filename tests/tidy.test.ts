import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import { test } from 'node:test'
import { ErrorCode } from '../src/core/errors.js'
import { projectFolder } from './helpers/project.js'

/** Our own code, by path from the checkout. */
const sources = ['cmd', 'config', 'src', 'workers/node'].flatMap((folder) =>
  readdirSync(join(projectFolder, folder), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts'))
    .map((file) => `${folder}/${file}`),
)
const texts = new Map(sources.map((file) => [file, readFileSync(join(projectFolder, file), 'utf8')]))

/** Most files are under 300; one that needs more than this is two. */
const linesMax = 350

interface Import {
  readonly from: string
  readonly to: string
  readonly isType: boolean
}

const imports: Import[] = sources.flatMap((file) => {
  const text = texts.get(file) ?? ''
  const found = [
    ...text.matchAll(
      /(?:^|\n)(?:import|export) (type )?[^'"]*?from '([^']+)'|import\('([^']+)'\)|\('((?:pino|ajv))'\)/g,
    ),
  ]
  return found.map((match) => ({
    from: file,
    to: target(file, match[2] ?? match[3] ?? match[4] ?? ''),
    isType: match[1] !== undefined,
  }))
})

function target(file: string, specifier: string): string {
  if (!specifier.startsWith('.')) return specifier
  return normalize(join(dirname(file), specifier)).replace(/\.js$/, '.ts')
}

function area(file: string): string {
  const [first = '', second = '', third = ''] = file.split('/')
  if (first !== 'src') return first === 'workers' ? 'workers/node' : first
  if (file === 'src/index.ts') return 'index'
  return second === 'plugins' && third.endsWith('.ts') ? 'plugins' : second
}

const mayImport: Readonly<Record<string, readonly string[]>> = {
  core: ['core'],
  ipc: ['ipc', 'core'],
  supervisor: ['supervisor', 'ipc', 'core'],
  config: ['config', 'core'],
  index: ['core', 'supervisor'],
  plugins: ['index', 'plugins'],
  'workers/node': ['workers/node', 'ipc', 'core'],
  cmd: ['cmd', 'config', 'core', 'ipc', 'supervisor', 'plugins', 'index'],
}

test('only allowed arrows: who may import whom', () => {
  for (const { from, to } of imports) {
    if (!texts.has(to)) continue
    assert.ok(mayImport[area(from)]?.includes(area(to)), `${from} imports ${to}`)
  }
})

test('a built-in plugin imports only src/index.ts and its own folder', () => {
  for (const { from, to } of imports) {
    const own = /^src\/plugins\/[^/]+\//.exec(from)?.[0]
    if (own === undefined || !texts.has(to)) continue
    assert.ok(to === 'src/index.ts' || to.startsWith(own), `${from} imports ${to}`)
  }
})

test('a worker knows nothing of pools', () => {
  for (const { from, to } of imports) {
    if (from.startsWith('src/supervisor/worker/'))
      assert.ok(!to.startsWith('src/supervisor/pool/'), `${from} imports ${to}`)
  }
})

test('no file is longer than one thought is', () => {
  for (const [file, text] of texts) {
    const lines = text.split('\n').length - 1
    assert.ok(lines <= linesMax, `${file} has ${lines} lines`)
  }
})

test('no file is in a circle of imports', () => {
  const edges = new Map<string, string[]>()
  for (const { from, to, isType } of imports)
    if (!isType && texts.has(to)) edges.set(from, [...(edges.get(from) ?? []), to])
  const done = new Set<string>()
  const visit = (file: string, path: readonly string[]): void => {
    assert.ok(!path.includes(file), `circle: ${[...path, file].join(' -> ')}`)
    if (done.has(file)) return
    for (const next of edges.get(file) ?? []) visit(next, [...path, file])
    done.add(file)
  }
  for (const file of sources) visit(file, [])
})

test('each package has one home, and none is imported where a cold start would pay for it', () => {
  // AWS's clients are optional: each that needs one asks for it where it is used.
  const homes: Readonly<Record<string, string | readonly string[]>> = {
    '@aws-sdk/client-sqs': ['src/plugins/lambda/', 'src/plugins/emulator/mapping/', 'cmd/lambda-check/'],
    '@aws-sdk/client-lambda': 'cmd/lambda-check/',
    '@fastify/busboy': 'src/plugins/lambda/http/',
    pino: 'src/core/',
    yaml: 'config/',
    commander: 'cmd/',
    undici: 'cmd/',
    tinypool: 'src/supervisor/',
  }
  for (const { from, to } of imports) {
    if (texts.has(to) || to.startsWith('node:')) continue
    const places = [homes[to] ?? []].flat()
    assert.ok(
      places.some((home) => from.startsWith(home)),
      `${from} imports ${to}`,
    )
  }
  for (const [file, text] of texts) {
    for (const name of [
      'pino',
      'yaml',
      'undici',
      'tinypool',
      '@fastify/busboy',
      '@aws-sdk/client-(lambda|sqs)',
    ]) {
      assert.ok(
        !new RegExp(`^import (?!type)[^\\n]*from '${name}'`, 'm').test(text),
        `${file} imports ${name} eagerly`,
      )
    }
  }
})

const words: readonly [what: RegExp, allowed: RegExp][] = [
  [/\bprocess\.env\b/, /^(cmd\/|config\/env\.ts|workers\/node\/)/],
  [/\bprocess\.exit\(/, /^(cmd\/|workers\/node\/)/],
  [/\bconsole\.\w+\(/, /^(cmd\/|workers\/node\/)/],
  [/\bDate\.now\(/, /^(cmd\/|src\/core\/clock\.ts|workers\/node\/)/],
  [/\bMath\.random\(/, /^cmd\//],
  [/: any\b|<any>|as any\b/, /^$/],
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
    assert.ok(known.has(value), `${value} is no code of ours`)
})

test('every page that the README and the docs link to exists', () => {
  const pages = [
    'README.md',
    'ARCHITECTURE.md',
    'CONTRIBUTING.md',
    ...readdirSync(join(projectFolder, 'docs')).map((file) => `docs/${file}`),
  ]
  for (const page of pages) {
    const text = readFileSync(join(projectFolder, page), 'utf8')
    for (const [, link = ''] of text.matchAll(/\]\((?!https?:|#)([^)#]+)/g)) {
      assert.ok(existsSync(join(projectFolder, dirname(page), link)), `${page} links to ${link}`)
    }
  }
})

test('tests do not sleep', () => {
  const files = readdirSync(join(projectFolder, 'tests'), { recursive: true, encoding: 'utf8' })
  for (const file of files.filter((one) => one.endsWith('.test.ts') && one !== 'tidy.test.ts')) {
    const text = readFileSync(join(projectFolder, 'tests', file), 'utf8')
    assert.ok(!/setTimeout\(r(esolve)?\b|await sleep\(\d/.test(text), `${file} sleeps`)
    assert.ok(!/\b(test|it|describe)\.(only|skip|todo)\(/.test(text), `${file} skips or focuses`)
  }
})
