import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { symlink } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { nodeLoader, writeFiles } from '../helpers/handler-pool.js'
import { testFolder } from '../helpers/rr.js'

interface Loaded {
  /** Name of the handler that was found, or the first lines that say why there is none. */
  readonly text: string
  readonly code: number | null
}

interface LoadOptions {
  readonly env?: Readonly<Record<string, string>>
  readonly args?: readonly string[]
}

/** Starts the loader without a server: handlers here say at load what they are, and end the process. */
async function load(
  folder: string,
  handler: string,
  { env = {}, args = [] }: LoadOptions = {},
): Promise<Loaded> {
  const child = spawn(process.execPath, [...args, nodeLoader, handler], {
    env: { PATH: process.env.PATH, LAMBDA_TASK_ROOT: folder, RR_RELAY: 'pipes', ...env },
    cwd: '/',
    stdio: ['pipe', 'pipe', 'pipe'],
  })
  let text = ''
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk
    // A handler was found, so the loader waits for the server.
    if (text.includes('loaded')) child.stdin.end()
  })
  const [code] = await once(child, 'close')
  return { text, code }
}

async function project(t: TestContext, files: Readonly<Record<string, string>>): Promise<string> {
  const folder = await testFolder(t)
  await writeFiles(folder, files)
  return folder
}

const say = (name: string) => `process.stderr.write('loaded ${name}\\n')`
const cjs = (name: string) =>
  `${say(name)}; exports.handler = () => {}; exports.a = { b: { handler() {} } }; exports.text = 'no'`
const esm = (name: string) =>
  `${say(name)}; await 1; export const handler = () => {}; export const a = { b: { handler() {} } }`

test('a handler’s name leads to the file that AWS’s client would load', async (t) => {
  const folder = await project(t, {
    'index.js': cjs('index.js'),
    'src/deep/app.mjs': esm('app.mjs'),
    'old/app.cjs': cjs('app.cjs'),
    'esm/package.json': '{"type":"module"}',
    'esm/index.js': esm('esm index.js'),
    'esm/sub/index.js': esm('esm sub index.js'),
    'all/app': cjs('no extension'),
    'all/app.js': cjs('.js'),
    'both/app.mjs': esm('.mjs'),
    'both/app.cjs': cjs('.cjs'),
    'js/app.js': cjs('.js before .mjs'),
    'js/app.mjs': esm('.mjs'),
    'folder/app/index.js': cjs('folder index.js'),
    'beside/app/data.txt': '',
    'beside/app.mjs': esm('beside a folder'),
    'esmbeside/package.json': '{"type":"module"}',
    'esmbeside/app/data.txt': '',
    'esmbeside/app.js': esm('module beside a folder'),
    'with.dot/app.js': cjs('with.dot'),
    'app.handler/app.handler.js': cjs('wrong'),
    'app.handler/app.js': cjs('same name'),
    'node_modules/wrapper/package.json': '{"main":"main.js"}',
    'node_modules/wrapper/main.js': cjs('package'),
    'node_modules/wrapper/dist/handler.js': cjs('redirected'),
    'default.mjs': `${say('default')}; export default { handler() {} }`,
    'function.js': `${say('function')}; module.exports = Object.assign(() => {}, { handler() {} })`,
    'we#ird ü.mjs': esm('odd characters'),
  })
  await symlink(join(folder, 'src'), join(folder, 'link'))
  const rows: readonly (readonly [handler: string, expected: string])[] = [
    ['index.handler', 'index.js'],
    ['./index.handler', 'index.js'],
    ['index.a.b.handler', 'index.js'],
    ['src/deep/app.handler', 'app.mjs'],
    ['src/deep/app.a.b.handler', 'app.mjs'],
    ['link/deep/app.handler', 'app.mjs'],
    [`${folder}/src/deep/app.handler`, 'app.mjs'],
    ['old/app.handler', 'app.cjs'],
    ['esm/index.handler', 'esm index.js'],
    ['esm/sub/index.handler', 'esm sub index.js'],
    ['all/app.handler', 'no extension'],
    ['both/app.handler', '.mjs'],
    ['js/app.handler', '.js before .mjs'],
    ['folder/app.handler', 'folder index.js'],
    ['beside/app.handler', 'beside a folder'],
    ['esmbeside/app.handler', 'module beside a folder'],
    ['with.dot/app.handler', 'with.dot'],
    ['app.handler/app.handler', 'same name'],
    ['wrapper.handler', 'package'],
    ['node_modules/wrapper/dist/handler.handler', 'redirected'],
    ['default.default.handler', 'default'],
    ['default.handler', 'default'],
    ['function.handler', 'function'],
    ['we#ird ü.handler', 'odd characters'],
  ]
  for (const [handler, expected] of rows) {
    const { text, code } = await load(folder, handler)
    assert.deepEqual([text, code], [`loaded ${expected}\n`, 0], handler)
  }
})

test('a name that leads nowhere is told in AWS’s words, with what there is', async (t) => {
  const folder = await project(t, {
    'index.js': cjs('index.js').replace(`${say('index.js')};`, ''),
    'needs.js': `require('./missing'); exports.handler = () => {}`,
    'needs.mjs': '',
    'imports/app.mjs': `import './missing.mjs'; export const handler = () => {}`,
    'syntax.js': 'exports.handler = () => {\n  const x = = 2\n}\n',
    'syntax/app.mjs': 'export const a = 1\nexport const handler = async => () => {\n  const x = = 2\n}\n',
    'imported/app.mjs': `export * from './inner.mjs'`,
    'imported/inner.mjs': 'let a\nlet a\n',
    'throws.js': `throw new RangeError('at load', { cause: new Error('below') })`,
    'throws-text.js': `throw 'a text'`,
    'floating.js': `Promise.reject(new RangeError('floating')); exports.handler = () => {}`,
    'floating/app.mjs': `Promise.reject(new RangeError('floating')); export const handler = () => {}`,
    'rejects.mjs': `await Promise.reject(null)`,
    'empty.js': '',
    'broken/package.json': '{',
    'broken/index.js': '',
  })
  const rows: readonly (readonly [handler: string, ...expected: readonly RegExp[]])[] = [
    ['index', /^Runtime\.MalformedHandlerName: Bad handler 'index'/],
    ['', /^Runtime\.MalformedHandlerName: /],
    [
      '../index.handler',
      /^Runtime\.MalformedHandlerName: '\.\.\/index\.handler' is not a valid handler name\. Use absolute/,
    ],
    ['src/..index.handler', /^Runtime\.MalformedHandlerName: /],
    ['nowhere.handler', /^Runtime\.ImportModuleError: Error: Cannot find module 'nowhere'/],
    [
      'needs.handler',
      /^Runtime\.ImportModuleError: Error: Cannot find module '\.\/missing'\nRequire stack:\n- .*needs\.js/,
    ],
    ['imports/app.handler', /^Runtime\.ImportModuleError: .*missing\.mjs/],
    [
      'index.nope',
      /^Runtime\.HandlerNotFound: index\.nope is undefined or not exported; the module exports handler, a, text/,
    ],
    ['index.text', /^Runtime\.HandlerNotFound: index\.text is not a function/],
    ['index.a.b.c.d', /^Runtime\.HandlerNotFound: index\.a\.b\.c\.d is undefined/],
    ['empty.handler', /^Runtime\.HandlerNotFound: .*; the module exports nothing/],
    [
      'syntax.handler',
      /^Runtime\.UserCodeSyntaxError: SyntaxError: Unexpected token '='/,
      /syntax\.js:2\n/,
      /\n +\^\n/,
    ],
    [
      'syntax/app.handler',
      /^Runtime\.UserCodeSyntaxError: SyntaxError: Unexpected token '='/,
      /app\.mjs:3\n/,
      /\n +\^\n/,
    ],
    ['imported/app.handler', /^Runtime\.UserCodeSyntaxError: /, /inner\.mjs:2\n/],
    ['broken/index.handler', /^Runtime\.UserCodeSyntaxError: .*broken\/package\.json/],
    ['throws.handler', /^RangeError: at load\n {4}at .*throws\.js:1/, /\ncaused by Error: below/],
    ['throws-text.handler', /^string: a text\n/],
    ['floating.handler', /RangeError: floating\n/],
    ['floating/app.handler', /RangeError: floating\n/],
    ['rejects.handler', /^string: handled\n/],
  ]
  for (const [handler, ...expected] of rows) {
    const { text, code } = await load(folder, handler)
    assert.equal(code, 1, `${handler}: ${text}`)
    for (const one of expected) assert.match(text, one, handler)
  }
})

test('what patches require sees a CommonJS handler, and NODE_PATH is searched', async (t) => {
  const folder = await project(t, {
    'index.js': `require('layered'); ${cjs('index.js')}`,
    'layer/layered/index.js': say('layer'),
    'hook.js': `const Module = require('module'); const own = Module.prototype.require
      Module.prototype.require = function (id) { if (id.includes('index')) process.stderr.write('patched '); return own.apply(this, arguments) }`,
  })
  const { text } = await load(folder, 'index.handler', {
    env: { NODE_PATH: join(folder, 'layer'), NODE_OPTIONS: `--require ${join(folder, 'hook.js')}` },
  })
  assert.equal(text, 'patched loaded layer\nloaded index.js\n')
})
