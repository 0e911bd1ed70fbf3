/**
 * Bundles the command line with rolldown: one CommonJS file an entry, which Node loads a third faster than its modules, and beside it
 * the code that few starts need, each part in a file that is loaded when it is asked for. CommonJS, as V8's code cache can be used
 * for scripts only. The bundles are two folders below `dist`, where `src/core/package-files.ts` expects the code that runs.
 */
import { createHash } from 'node:crypto'
import { chmodSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { rolldown } from 'rolldown'

/**
 * The bundles and their modules, the entry first. What `bootstrap` loads later in any case is in its one file, too: the code of the
 * poller and of the default mode.
 */
const bundles = {
  cli: ['cmd/rr.js'],
  bootstrap: [
    'cmd/start/bootstrap.js',
    'src/plugins/lambda/polling/pollers.js',
    'src/plugins/lambda/modes/raw.js',
  ],
}

/** Modules of Node that `rr bootstrap` does not need before it asks for the first event: each is loaded where it is used. */
const late = ['crypto', 'fs/promises', 'http', 'os', 'url', 'util', 'worker_threads']

/**
 * What both bundles load in few starts only: packages, and the validators of the built-in sections. Each is made once, in `shared/`, and
 * minified: nobody reads it in a stack trace.
 */
const shared = new Map(
  [
    '@fastify/busboy',
    '@msgpack/msgpack',
    'ajv',
    'compression',
    'pbf',
    'pino',
    'prom-client',
    'send',
    'yaml',
    'config/validation/built-sections.js',
  ].map((name) => [name, basename(name, '.js')]),
)

/**
 * Packages that stay outside: optional ones are the user's own, tinypool starts files of its own package as threads, and undici, which is
 * larger than the rest together, is only needed by `rr invoke`.
 */
const optional = Object.keys(
  JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')).peerDependencies,
)
const outside = [...optional, 'tinypool', 'undici']
/** Also a part of a package, such as `mysql2/promise`. */
const isOutside = (id) => outside.some((name) => id === name || id.startsWith(`${name}/`))
/** What prom-client needs of OpenTelemetry is bundled with it: metrics work without the packages of the plugin `otel`. */
const external = (id, importer) => isOutside(id) && !/node_modules\/prom-client\//.test(importer ?? '')

// The first modules of a bundle are loaded later by name, too: on purpose.
const checks = { ineffectiveDynamicImport: false }

const manifest = '{ "type": "commonjs" }\n'

/** Leaves what is in `shared` out of a bundle, which loads it from there, also in the middle of synchronous code. */
function sharedFiles() {
  const mark = 'relayrunner-shared:'
  return {
    name: 'shared-files',
    resolveId(source) {
      const name = [...shared.keys()].find((one) => source === one || source.endsWith(`/${basename(one)}`))
      return name === undefined ? undefined : { id: mark + shared.get(name), external: true }
    },
    transform(code) {
      const made = code.replace(/createRequire\(import\.meta\.url\)\('([a-z-]+)'\)/g, (_whole, name) => {
        return `createRequire(import.meta.filename)('../shared/${shared.get(name)}.js')`
      })
      return made === code ? undefined : { code: made, map: null }
    },
    generateBundle(_options, files) {
      // `import()` of CommonJS finds the names of some packages only, `require` all of them.
      const load = '(require("../shared/$1.js"))'
      const lazy = `Promise.resolve().then(() => (($) => ({ default: $, ...$ }))${load})`
      for (const file of Object.values(files))
        file.code = file.code
          ?.replaceAll(new RegExp(`\\bimport\\("${mark}([a-z-]+)"\\)`, 'g'), lazy)
          .replaceAll(new RegExp(`"${mark}([a-z-]+)"`, 'g'), '"../shared/$1.js"')
    },
  }
}

/** Makes `entry` of several modules: it exports what the first one does. `eager` collects what is loaded with it. */
function entryOf(modules, eager) {
  const [first, ...more] = modules.map((file) => JSON.stringify(file))
  const code = [`export * from ${first}`, ...more.map((file) => `import ${file}`)].join('\n')
  return {
    ...collectEager('entry', eager),
    name: 'entry',
    resolveId: (id) => (id === 'entry' ? { id, moduleSideEffects: true } : undefined),
    load: (id) => (id === 'entry' ? code : undefined),
  }
}

/** Collects in `eager` what is loaded with the module `entry`, itself included. */
function collectEager(entry, eager) {
  return {
    name: 'eager',
    buildEnd() {
      eager.add(entry)
      // A set is also iterated over what is added on the way.
      for (const id of eager) for (const one of this.getModuleInfo(id)?.importedIds ?? []) eager.add(one)
    },
  }
}

/** Loads the modules of `late` where a member of theirs is used, instead of at the top of the file. */
function lateModules(code) {
  return late.reduce((made, name) => {
    const variable = `node_${name.replace('/', '_')}`
    const top = `let ${variable} = require("node:${name}");`
    return made.replace(top, '').replaceAll(`${variable}.`, `require("node:${name}").`)
  }, code)
}

/** Leaves out the file of an entry, which only loads `main.js`, and puts rolldown's own helpers into that. */
function oneFile() {
  return {
    name: 'one-file',
    generateBundle(_options, files) {
      const helpers = files['rolldown-runtime.js'].code.replace(/^\/\/.*$/gm, '').replace(/\s*\n\s*/g, ' ')
      const load = 'require("./rolldown-runtime.js")'
      const code = files['main.js'].code.replace(load, `((exports) => {${helpers}; return exports })({})`)
      // `cmd/start/load-bundle.ts` runs it, with V8's code cache.
      files['main.js'].code =
        `(function (exports, require, module, __filename, __dirname) {${lateModules(code)}\n})\n`
      delete files['entry.js']
    },
  }
}

/** Writes the hash of `file` into `cmd/start/main.ts`, which names V8's code cache by it: the start itself is to load no crypto. */
function hashOf(file) {
  const hash = createHash('sha256').update(readFileSync(file)).digest('hex').slice(0, 16)
  return {
    name: 'bundle-hash',
    transform(code, id) {
      if (!id.endsWith('/cmd/start/main.js')) return undefined
      const made = code.replace("'not-bundled'", `'${hash}'`)
      if (made === code) throw new Error(`${id} has no place for the hash of the bundle`)
      return { code: made, map: null }
    },
  }
}

async function bundle(input, output, plugins = []) {
  const made = await rolldown({ input, platform: 'node', external, plugins, checks })
  // No source maps: without the sources they would be larger than the code, and the names in it are those of the sources.
  const written = await made.write({
    format: 'cjs',
    entryFileNames: '[name].js',
    chunkFileNames: '[name].js',
    // No comments, and no character that would make V8 keep a file with two bytes for each.
    comments: false,
    minify: { compress: false, mangle: false, codegen: { removeWhitespace: false, asciiOnly: true } },
    minifyInternalExports: false,
    ...output,
  })
  await made.close()
  return written.output
}

/** Writes which packages of others are in the bundles, and their licences. */
function writeLicences(target, modules) {
  const folders = new Set(
    modules.flatMap((id) => /^.*\/node_modules\/(?:@[^/]+\/)?[^/]+/.exec(id)?.[0] ?? []),
  )
  const texts = [...folders].sort().map((folder) => {
    const { name, version, license } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
    const file = readdirSync(folder).find((one) => /^licen[cs]e/i.test(one))
    const text = file === undefined ? '' : readFileSync(join(folder, file), 'utf8')
    return `${name} ${version} (${license})\n\n${text.trim()}\n`
  })
  const head = 'The files in this folder contain code of these packages.\n'
  writeFileSync(join(target, 'LICENSES.txt'), [head, ...texts].join(`\n${'-'.repeat(80)}\n\n`))
}

/**
 * Replaces the modules in `target` by bundles of what workers load: the loader of handlers, the SDK and the program of threads. They are made
 * together, so that a handler which imports the SDK finds the state that the loader set up. To read 42 modules took 17 ms of CPU more.
 */
export async function writeWorkers({ build, target }) {
  const entries = ['index', 'loader', 'thread'].map((name) => [name, join(build, `workers/node/${name}.js`)])
  const sdk = new Set()
  const plugins = ['serving', 'connect', 'children'].map((name) =>
    collectEager(join(build, `workers/node/${name}.js`), sdk),
  )
  const made = await rolldown({
    input: Object.fromEntries(entries),
    platform: 'node',
    external,
    plugins,
    checks,
  })
  const names = { entryFileNames: '[name].js', chunkFileNames: '[name].js' }
  // What all of them load is one file, whatever of it the parts that are loaded later share.
  const codeSplitting = { groups: [{ name: 'serving', test: (id) => sdk.has(id) }] }
  await made.write({ format: 'esm', dir: target, ...names, codeSplitting, comments: false })
  await made.close()
}

/** Makes `target`, the command line, from the compiled sources. */
export async function writeBundles({ build, target }) {
  const chunks = []
  mkdirSync(target, { recursive: true })
  for (const [name, modules] of Object.entries(bundles)) {
    const [eager, dir] = [new Set(), join(target, name)]
    const files = modules.map((file) => join(build, file))
    const plugins = [entryOf(files, eager), sharedFiles()]
    // Else what the later parts share with the entry would be in many small files.
    const codeSplitting = { groups: [{ name: 'main', test: (id) => eager.has(id) }] }
    const made =
      name === 'cli'
        ? await bundle({ main: 'entry', testing: join(build, 'testing/index.js') }, { dir }, plugins)
        : await bundle({ entry: 'entry' }, { dir, codeSplitting }, [...plugins, oneFile()])
    chunks.push(...made)
  }
  const inputs = [...shared].map(([name, file]) => [file, name.endsWith('.js') ? join(build, name) : name])
  chunks.push(...(await bundle(Object.fromEntries(inputs), { dir: join(target, 'shared'), minify: true })))
  writeLicences(
    target,
    chunks.flatMap(({ moduleIds }) => moduleIds ?? []),
  )
  const rr = join(target, 'rr.js')
  const source = readFileSync(join(build, 'cmd/rr.js'), 'utf8')
  const banner = /^#!.*\n(?:\/\/ 2>.*\n)*/.exec(source)?.[0] ?? ''
  const output = { dir: target, banner: banner.trimEnd() }
  await bundle({ rr: join(build, 'cmd/start/main.js') }, output, [hashOf(join(target, 'bootstrap/main.js'))])
  chmodSync(rr, 0o755)
  // The package is one of ES modules; these are not.
  writeFileSync(join(target, 'package.json'), manifest)
}
