import assert from 'node:assert/strict'
import { test } from 'node:test'
import { imports, importsOf, texts } from './helpers/imports.js'

/** Areas that each area may import; ARCHITECTURE.md draws them. */
const mayImport: Readonly<Record<string, readonly string[]>> = {
  core: ['core'],
  schema: ['schema', 'core'],
  logging: ['logging', 'core'],
  platform: ['platform', 'logging', 'schema', 'core'],
  ipc: ['ipc', 'logging', 'core'],
  supervisor: ['supervisor', 'platform', 'ipc', 'logging', 'schema', 'core'],
  contracts: ['contracts', 'supervisor', 'core'],
  journal: ['journal', 'logging', 'core'],
  index: ['journal', 'contracts', 'supervisor', 'platform', 'ipc', 'logging', 'schema', 'core'],
  work: ['work', 'index'],
  plugins: ['plugins', 'work', 'index'],
  'lambda-check': ['lambda-check', 'supervisor', 'platform', 'schema', 'core'],
  config: ['config', 'schema', 'core'],
  testing: [
    'testing',
    'config',
    'workers/node',
    'plugins',
    'work',
    'index',
    'supervisor',
    'platform',
    'ipc',
    'logging',
    'schema',
    'core',
  ],
  'workers/node': ['workers/node', 'ipc', 'logging', 'core'],
  cmd: [
    'cmd',
    'config',
    'lambda-check',
    'plugins',
    'index',
    'supervisor',
    'platform',
    'ipc',
    'logging',
    'schema',
    'core',
  ],
}

function areaOf(file: string): string {
  const [first = '', second = ''] = file.split('/')
  if (first === 'workers') return 'workers/node'
  if (first !== 'src') return first
  return second.endsWith('.ts') ? 'index' : second
}

test('an area imports only what lies below it', () => {
  for (const { from, to } of imports) {
    if (!texts.has(to)) continue
    assert.ok(mayImport[areaOf(from)]?.includes(areaOf(to)), `${from} imports ${to}`)
  }
})

test('a built-in plugin imports only src/index.ts, src/work and its own folder', () => {
  for (const { from, to } of imports) {
    const own = /^src\/plugins\/[^/]+\//.exec(from)?.[0]
    if (own === undefined || !texts.has(to)) continue
    const isShared = to === 'src/index.ts' || to.startsWith('src/work/')
    assert.ok(isShared || to.startsWith(own), `${from} imports ${to}`)
  }
})

test('cmd and testing import the lists of the built-in plugins, but nothing inside a plugin', () => {
  const lists = ['src/plugins/index.ts', 'src/plugins/function.ts']
  for (const { from, to } of imports) {
    if (['cmd', 'testing'].includes(areaOf(from)) && to.startsWith('src/plugins/'))
      assert.ok(lists.includes(to), `${from} imports ${to}`)
  }
})

test('only cmd and testing choose the platform: everything else imports the port alone', () => {
  for (const { from, to } of imports) {
    const isChoice = to === 'src/platform/lambda.ts' || to === 'src/platform/server.ts'
    assert.ok(!isChoice || ['cmd', 'testing'].includes(areaOf(from)), `${from} imports ${to}`)
  }
})

/** Lines that may name a platform, by file. */
const platformLines: Readonly<Record<string, RegExp>> = {
  // Codes of errors stand in one list.
  'src/core/errors.ts': /RR_AWS_/,
  // Texts of docs/configuration.md.
  'src/supervisor/sections.ts': /always standard output|ordinary Lambda handler/,
}

test('what lies below the platform, and the supervisor, do not name AWS or Lambda', () => {
  for (const [file, text] of texts) {
    if (!['core', 'logging', 'ipc', 'supervisor'].includes(areaOf(file))) continue
    const lines = text.split('\n').filter((line) => /\baws|Aws|AWS|[Ll]ambda|LAMBDA/.test(line))
    for (const line of lines) assert.match(line, platformLines[file] ?? /^$/, `${file} names a platform`)
  }
})

test('a worker knows nothing of pools', () => {
  for (const { from, to } of imports) {
    if (from.startsWith('src/supervisor/worker/'))
      assert.ok(!to.startsWith('src/supervisor/pool/'), `${from} imports ${to}`)
  }
})

test('no file is in a circle of imports', () => {
  const arrows = imports.filter(({ to, isType }) => !isType && texts.has(to))
  assert.equal(circleOf(arrows.map(({ from, to }) => [from, to])), undefined)
})

test('the folders and files of a folder import each other in one direction, types included', () => {
  for (const [folder, arrows] of arrowsByFolder())
    assert.equal(circleOf(arrows), undefined, `within ${folder}`)
})

test('imports are read from the syntax tree: types, lazy ones and re-exports, not comments or texts', () => {
  const text = `
    import type { A } from './a.js'
    import { type B } from './b.js'
    import { type C, c } from './c.js'
    export { d } from '../d.js'
    type E = import('./e.js').E
    const f = await import('./f.js')
    const g = createRequire(import.meta.url)('pino')
    // import { no } from './no.js'
    const text = "import { no } from './no.js'"`
  const found = importsOf('src/x/y.ts', text).map(({ to, isType, isLazy }) => [to, isType, isLazy])
  assert.deepEqual(found, [
    ['src/x/a.ts', true, false],
    ['src/x/b.ts', true, false],
    ['src/x/c.ts', false, false],
    ['src/d.ts', false, false],
    ['src/x/e.ts', true, false],
    ['src/x/f.ts', false, true],
    ['pino', false, true],
  ])
})

type Arrow = readonly [from: string, to: string]

/** Arrows between what lies directly in a folder, which is where the paths of an import part. */
function arrowsByFolder(): Map<string, Arrow[]> {
  const found = new Map<string, Arrow[]>()
  for (const { from, to } of imports) {
    if (!texts.has(to)) continue
    const [a, b] = [from.split('/'), to.split('/')]
    let depth = 0
    while (a[depth] === b[depth]) depth += 1
    const folder = a.slice(0, depth).join('/')
    found.set(folder, [...(found.get(folder) ?? []), [a[depth] ?? '', b[depth] ?? '']])
  }
  return found
}

/** The first circle of some arrows, as text. */
function circleOf(arrows: readonly Arrow[]): string | undefined {
  const next = new Map<string, Set<string>>()
  for (const [from, to] of arrows) next.set(from, (next.get(from) ?? new Set()).add(to))
  const done = new Set<string>()
  const visit = (node: string, path: readonly string[]): string | undefined => {
    if (path.includes(node)) return [...path.slice(path.indexOf(node)), node].join(' -> ')
    if (done.has(node)) return undefined
    for (const to of next.get(node) ?? []) {
      const circle = visit(to, [...path, node])
      if (circle !== undefined) return circle
    }
    done.add(node)
    return undefined
  }
  for (const node of next.keys()) {
    const circle = visit(node, [])
    if (circle !== undefined) return circle
  }
  return undefined
}
