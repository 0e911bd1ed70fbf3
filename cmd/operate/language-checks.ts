/** Checks of `rr doctor` on Node and on the interpreters of the workers: versions, extensions, settings. Runs each for a moment. */
import { spawnSync } from 'node:child_process'
import { basename } from 'node:path'
import { isObject } from '../../src/core/json.js'
import { type Diagnosis, fine, Grade, judged } from './finding.js'

const programMsMax = 10_000
const nodeMin = [20, 19] as const
const phpMin = '8.1'
const pythonMin = [3, 10] as const

/** A program that workers are started with. */
export interface Interpreter {
  readonly language: 'php' | 'python' | 'node'
  /** The program and its options, e.g. `php -d memory_limit=1G`. */
  readonly words: readonly string[]
}

/** Finds the interpreter of a worker's command; undefined for other programs. Of its options those before the script are kept. */
export function interpreterOf(words: readonly string[]): Interpreter | undefined {
  const [program = '', ...rest] = words
  const language = /^(php|python|node)(js)?[\d.]*$/.exec(basename(program))?.[1]
  if (language !== 'php' && language !== 'python' && language !== 'node') return undefined
  const options: string[] = []
  if (language === 'php')
    for (let at = 0; at + 1 < rest.length && /^-[dc]$/.test(rest[at] ?? ''); at += 2)
      options.push(...rest.slice(at, at + 2))
  return { language, words: [program, ...options] }
}

/** Looks at this Node, and at each interpreter once; `env` and `cwd` are those of the workers. */
export function languageFindings(
  interpreters: readonly Interpreter[],
  about: { readonly cwd: string; readonly env: NodeJS.ProcessEnv },
): readonly Diagnosis[] {
  const seen = new Map(interpreters.map((one) => [one.words.join(' '), one]))
  return [...nodeFindings(), ...[...seen.values()].flatMap((one) => foundIn(one, about))]
}

function nodeFindings(): readonly Diagnosis[] {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
  const isOld = major < nodeMin[0] || (major === nodeMin[0] && minor < nodeMin[1])
  const isOdd = major % 2 === 1
  const found = [
    judged(
      { about: 'node', what: process.versions.node, todo: `install Node ${nodeMin.join('.')} or newer` },
      isOld,
      Grade.fault,
    ),
  ]
  if (isOdd && !isOld)
    found.push({
      grade: Grade.note,
      about: 'node',
      what: `${major} is not a release with long-term support`,
      todo: 'use an even version in production',
    })
  const options = process.env.NODE_OPTIONS
  if (options !== undefined && options !== '')
    found.push({
      grade: Grade.note,
      about: 'NODE_OPTIONS',
      what: 'is set, for the server as for workers in Node',
      todo: 'check that it is meant for both; server.env sets it for workers alone',
    })
  return found
}

const phpProgram = `
$ini = fn ($name) => ini_get($name);
$extensions = [];
foreach (['pcntl', 'posix', 'FFI', 'Zend OPcache', 'sockets', 'redis', 'igbinary', 'msgpack', 'protobuf', 'pdo_mysql', 'pdo_pgsql', 'xdebug', 'pcov', 'ddtrace', 'newrelic', 'swoole'] as $name)
  if (extension_loaded($name)) $extensions[$name] = phpversion($name);
echo json_encode(['version' => PHP_VERSION, 'zts' => (bool) PHP_ZTS, 'debug' => (bool) PHP_DEBUG, 'extensions' => (object) $extensions,
  'opcache' => $ini('opcache.enable_cli'), 'file_cache' => $ini('opcache.file_cache'), 'memory' => $ini('memory_limit'), 'assertions' => $ini('zend.assertions'),
  'display' => $ini('display_errors'), 'ini' => php_ini_loaded_file()]);`

const pythonProgram = `
import json, sys
print(json.dumps({"version": "%d.%d.%d" % sys.version_info[:3], "venv": sys.prefix != sys.base_prefix, "prefix": sys.prefix}))`

function foundIn(
  { language, words }: Interpreter,
  about: { readonly cwd: string; readonly env: NodeJS.ProcessEnv },
): readonly Diagnosis[] {
  const [program = '', ...options] = words
  const code = { php: ['-r', phpProgram], python: ['-c', pythonProgram], node: ['-p', nodeProgram] }[language]
  const run = spawnSync(program, [...options, ...code], { ...about, encoding: 'utf8', timeout: programMsMax })
  const facts = run.status === 0 ? factsIn(run.stdout) : undefined
  if (facts === undefined) {
    const why = run.error?.message ?? (run.stderr || run.stdout).trim().split('\n')[0] ?? ''
    const todo = `make \`${program} --version\` work for the user that starts the server`
    return [{ grade: Grade.fault, about: language, what: `${words.join(' ')} does not run: ${why}`, todo }]
  }
  if (language === 'php') return phpFindings(words.join(' '), facts)
  if (language === 'python') return pythonFindings(words.join(' '), facts)
  return [fine('node of workers', `${words.join(' ')}: ${String(facts.version)}`)]
}

const nodeProgram = 'JSON.stringify({ version: process.versions.node })'

function factsIn(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    // Warnings of an interpreter stand before it.
    const value: unknown = JSON.parse(text.slice(text.indexOf('{')))
    return isObject(value) ? value : undefined
  } catch {
    return undefined
  }
}

function phpFindings(name: string, facts: Readonly<Record<string, unknown>>): readonly Diagnosis[] {
  const version = String(facts.version)
  const extensions = isObject(facts.extensions) ? facts.extensions : {}
  const has = (extension: string) => extension in extensions
  const list = Object.entries(extensions).map(([key, value]) => `${key} ${String(value)}`)
  const isOn = (value: unknown) => value === '1' || String(value).toLowerCase() === 'on'
  const add = (grade: Grade, what: string, todo: string): Diagnosis => ({ grade, about: 'php', what, todo })
  const found: Diagnosis[] = [
    judged(
      {
        about: 'php',
        what: `${name}: ${version}${facts.zts === true ? ', thread-safe' : ''}, ${String(facts.ini) === 'false' ? 'no php.ini' : String(facts.ini)}`,
        todo: `the SDK needs PHP ${phpMin}`,
      },
      compare(version, phpMin) < 0,
      Grade.fault,
    ),
    fine('php', `extensions: ${list.join(', ') || 'none of those that matter here'}`),
  ]
  if (!has('pcntl'))
    found.push(
      add(Grade.warn, 'has no pcntl: no stacks of slow jobs, no time limits of Laravel', 'install it'),
    )
  if (!has('FFI'))
    found.push(
      add(Grade.note, 'has no FFI: children of workers inherit the relay’s descriptors', 'enable it'),
    )
  if (has('xdebug'))
    found.push(add(Grade.warn, 'has Xdebug, which slows all code', 'disable it outside of development'))
  if (!has('Zend OPcache') || !isOn(facts.opcache))
    found.push(
      add(
        Grade.note,
        'opcache is off on the command line: each worker compiles all files as it boots',
        'set opcache.enable_cli=1 and opcache.file_cache to a folder that may be written; Laravel boots in half of the time',
      ),
    )
  if (String(facts.assertions) === '1')
    found.push(add(Grade.note, 'zend.assertions is 1', 'set it to -1 in production (php.ini-production)'))
  if (String(facts.memory) === '-1')
    found.push(
      add(
        Grade.note,
        'memory_limit is -1: one job can take all memory',
        'set it, or supervisor.max_worker_memory of the pool',
      ),
    )
  if (facts.debug === true) found.push(add(Grade.warn, 'is a debug build', 'use a release build'))
  return found
}

function pythonFindings(name: string, facts: Readonly<Record<string, unknown>>): readonly Diagnosis[] {
  const version = String(facts.version)
  const where =
    facts.venv === true ? `in the virtual environment ${String(facts.prefix)}` : 'no virtual environment'
  const todo = `the SDK needs Python ${pythonMin.join('.')}`
  const what = `${name}: ${version}, ${where}`
  return [judged({ about: 'python', what, todo }, compare(version, pythonMin.join('.')) < 0, Grade.fault)]
}

/** Compares versions by their numbers: negative when the first is older. */
function compare(one: string, other: string): number {
  const [a, b] = [one, other].map((text) => text.split('.').map(Number.parseFloat))
  for (let at = 0; at < 3; at += 1) {
    const by = (a?.[at] || 0) - (b?.[at] || 0)
    if (by !== 0) return by
  }
  return 0
}
