#!/usr/bin/env node
/**
 * `npm create relayrunner [php|node|python] [DIR]`: installs relayrunner in the folder and has it write the project. What a project
 * consists of is the package's business (`rr init`), so this one seldom changes.
 */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { basename, join, relative, resolve } from 'node:path'
import { createInterface } from 'node:readline/promises'
import { parseArgs } from 'node:util'

const languages = ['php', 'node', 'python']
const help = `Usage: npm create relayrunner [${languages.join('|')}] [DIR] [-- --package SPEC]

Installs relayrunner in DIR (else in this folder) and writes a project that runs: a configuration, a worker, a sample event, a test.
`

/** Prints what is wrong and what to do, in the form of \`rr\`, and ends with the exit code. */
function refuse(what, hint, code) {
  process.stderr.write(`create-relayrunner: ${what}\n    ${hint}\n`)
  process.exit(code)
}

function readWords() {
  try {
    const options = { package: { type: 'string' }, help: { type: 'boolean', short: 'h' } }
    return parseArgs({ options, allowPositionals: true })
  } catch (error) {
    return refuse(error.message, '`npm create relayrunner -- --help` lists the options.', 2)
  }
}

async function askLanguage() {
  if (process.stdin.isTTY !== true) return 'node'
  const lines = createInterface({ input: process.stdin, output: process.stderr })
  const answer = await lines.question(`Workers in which language? ${languages.join(', ')} (node): `)
  lines.close()
  return answer.trim() === '' ? 'node' : answer.trim().toLowerCase()
}

/** The specification of the package to install: the version that this one was published with. */
function ownSpec() {
  const { version } = JSON.parse(readFileSync(new URL('package.json', import.meta.url), 'utf8'))
  return `relayrunner@^${version}`
}

function run(command, words, cwd) {
  const { status, error } = spawnSync(command, words, { cwd, stdio: 'inherit' })
  if (error !== undefined)
    refuse(`${command} cannot be run: ${error.message}`, 'Install Node with npm, and try again.', 1)
  if (status !== 0) process.exit(status ?? 1)
}

/** Writes the manifest unless there is one; ES modules, as the worker is one. */
function writeManifest(folder) {
  const file = join(folder, 'package.json')
  if (existsSync(file)) return
  const name =
    basename(folder)
      .toLowerCase()
      .replace(/[^a-z0-9-]+/g, '-')
      .replace(/^-+|-+$/g, '') || 'app'
  const scripts = { dev: 'relayrunner dev', start: 'relayrunner serve', test: './test.sh' }
  const manifest = { name, private: true, type: 'module', scripts }
  writeFileSync(file, `${JSON.stringify(manifest, undefined, 2)}\n`, { flag: 'wx' })
}

const { values, positionals } = readWords()
if (values.help === true) {
  process.stdout.write(help)
  process.exit(0)
}
const [word, dir = '.', ...rest] = positionals
if (rest.length > 0)
  refuse(`one language and one folder are enough, not also ${rest.join(' ')}`, help.split('\n')[0], 2)
const language = word ?? (await askLanguage())
if (!languages.includes(language))
  refuse(
    `"${language}" is none of ${languages.join(', ')}`,
    `For example: npm create relayrunner php orders`,
    2,
  )
const folder = resolve(dir)
const taken = ['rr.yaml', 'event.json', 'test.sh'].filter((name) => existsSync(join(folder, name)))
if (taken.length > 0)
  refuse(`${taken.join(', ')} in ${folder}: nothing was written`, 'Name another folder.', 1)
mkdirSync(folder, { recursive: true })
writeManifest(folder)
process.stderr.write(`installing relayrunner in ${folder}\n`)
run('npm', ['install', '--no-fund', '--no-audit', values.package ?? ownSpec()], folder)
const rr = join(folder, 'node_modules/relayrunner/dist/cmd/rr.js')
// From where the user is, so that the next steps begin with `cd DIR`.
const target = relative(process.cwd(), folder)
run(process.execPath, [rr, 'init', language, ...(target === '' ? [] : [target])], process.cwd())
