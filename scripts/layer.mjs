/**
 * Makes a layer of AWS Lambda for `provided.al2023` from the build: `/opt/bootstrap`, Node in `/opt/node`, RelayRunner in
 * `/opt/node_modules`. `node scripts/layer.mjs [--arch x64|arm64] [--node FILE] [--out FILE]`; without `--node` Node comes from npm.
 */
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  cpSync,
  createWriteStream,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { ZipFile } from 'yazl'

const root = fileURLToPath(new URL('..', import.meta.url))

/** The program of Node that the layer holds: nodejs.org's, in a package for each processor, with the digests of these packages. */
const nodePackages = {
  version: '22.23.3',
  x64: 'sha512-qHnz5tFsHoj/WM+uRENVjWONi5hVvmwrgq8A4V76KpuVNAc4+jwK8x4gwbobE9BtHNg/AKR2583eYorLF/c7ng==',
  arm64: 'sha512-l3DAHZreylo+p9QXDtsOrjG2JXJqVzYXnAGmIQNOUNARcMppTO2cmewVQP+36tjJnSE+dzpMNtgW+c3oiDvXtA==',
}

/** Parts of the package that run inside Lambda; documentation, examples and the dashboard do not. */
const parts = [
  'package.json',
  'LICENSE',
  'dist/cmd',
  'dist/src',
  'dist/workers',
  'workers/php',
  'workers/python/src',
]
/** The only package that is loaded from outside of the bundles: for `runtime: thread`. */
const outside = ['tinypool']

// Lambda's limit for a function and its layers together: https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
const unzippedBytesMax = 262_144_000
// Zip's own least date: the same files make the same layer.
const date = new Date(1980, 0, 1)

const { values } = parseArgs({
  options: {
    arch: { type: 'string', default: process.arch },
    node: { type: 'string' },
    out: { type: 'string' },
  },
})
const { arch } = values
if (nodePackages[arch] === undefined) fail(`--arch takes x64 or arm64, not "${arch}"`)
if (!existsSync(join(root, 'dist/cmd/rr.js'))) fail('there is no dist/cmd/rr.js; run npm run build')
const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
const out = values.out ?? join(root, `relayrunner-${version}-lambda-${arch}.zip`)

const work = mkdtempSync(join(tmpdir(), 'rr-layer-'))
try {
  const stage = join(work, 'opt')
  layOut(stage)
  const program = join(stage, 'node/bin/node')
  mkdirSync(dirname(program), { recursive: true })
  cpSync(values.node ?? nodeFromNpm(), program)
  if (arch === process.arch) compile(stage)
  const { files, bytes } = filesOf(stage)
  if (bytes > unzippedBytesMax) fail(`the layer has ${bytes} bytes, and Lambda takes ${unzippedBytesMax}`)
  await zip(stage, files)
  console.log(
    `${out}: ${inMb(statSync(out).size)} MB, ${inMb(bytes)} MB unzipped (Lambda takes ${inMb(unzippedBytesMax)} with the function), ${files.length} files`,
  )
} finally {
  rmSync(work, { recursive: true, force: true })
}

function layOut(stage) {
  const target = join(stage, 'node_modules/relayrunner')
  for (const part of parts)
    cpSync(join(root, part), join(target, part), {
      recursive: true,
      // Types and pages are for people. What `rr compile` made here is another Node's.
      filter: (file) => !/\.(d\.ts|map|pyc|md)$|\/(__pycache__|compiled)$/.test(file),
    })
  for (const name of outside)
    cpSync(join(root, 'node_modules', name), join(stage, 'node_modules', name), { recursive: true })
  cpSync(join(root, 'bootstrap'), join(stage, 'bootstrap'))
}

/** Fetches the package of Node for the processor, and unpacks its program. */
function nodeFromNpm() {
  const name = `node-linux-${arch}@${nodePackages.version}`
  const packed = run('npm', ['pack', name, '--json', '--ignore-scripts', '--pack-destination', work])
  const [{ filename }] = JSON.parse(packed)
  const tarball = join(work, filename)
  const digest = `sha512-${createHash('sha512').update(readFileSync(tarball)).digest('base64')}`
  if (digest !== nodePackages[arch]) fail(`${name} has the digest ${digest}, not ${nodePackages[arch]}`)
  run('tar', ['-xzf', tarball, '-C', work, 'package/bin/node'])
  return join(work, 'package/bin/node')
}

/** Writes V8's code cache for this very program into the layer; a function's own configuration is compiled by its own build. */
function compile(stage) {
  const folder = join(work, 'function')
  mkdirSync(folder)
  writeFileSync(join(folder, 'index.mjs'), 'export const handler = () => undefined\n')
  const rr = join(stage, 'node_modules/relayrunner/dist/cmd/rr.js')
  run(join(stage, 'node/bin/node'), [rr, 'compile'], {
    cwd: folder,
    env: { ...process.env, _HANDLER: 'index.handler' },
  })
}

function filesOf(stage) {
  const names = readdirSync(stage, { recursive: true, encoding: 'utf8' }).sort()
  const files = names.filter((name) => statSync(join(stage, name)).isFile())
  return { files, bytes: files.reduce((sum, name) => sum + statSync(join(stage, name)).size, 0) }
}

async function zip(stage, files) {
  const archive = new ZipFile()
  for (const name of files) {
    // Whatever the umask here: nobody may write, all may read, programs may run.
    const isProgram = (statSync(join(stage, name)).mode & 0o100) !== 0
    archive.addFile(join(stage, name), name, { mtime: date, mode: isProgram ? 0o100755 : 0o100644 })
  }
  archive.end()
  await pipeline(archive.outputStream, createWriteStream(out))
}

function run(command, words, options = {}) {
  const { status, stdout, stderr, error } = spawnSync(command, words, { encoding: 'utf8', ...options })
  if (status !== 0) fail(`${command} ${words.join(' ')} failed: ${error?.message ?? stderr}`)
  return stdout
}

function inMb(bytes) {
  return (bytes / 1_048_576).toFixed(1)
}

function fail(why) {
  rmSync(work ?? '', { recursive: true, force: true })
  console.error(`layer: ${why}`)
  process.exit(1)
}
