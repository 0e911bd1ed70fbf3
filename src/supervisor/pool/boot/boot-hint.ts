/** Says what to do about a worker that did not come up: a missing file, a missing SDK, a handler with another name, or a missing call. */
import { existsSync, readFileSync, statSync } from 'node:fs'
import { basename, extname, relative, resolve } from 'node:path'

/** A boot that failed, as far as it is known. */
export interface FailedBoot {
  readonly words: readonly string[]
  readonly cwd: string
  /** Exit code; null after a signal. */
  readonly code: number | null
  readonly lastLines: readonly string[]
  readonly allocateMs: number
}

const scriptName = /\.(php|phar|[mc]?js|ts|py|rb|pl|sh)$/

/** Makes the hint. */
export function bootHint(boot: FailedBoot): string {
  const { words, cwd, code, allocateMs } = boot
  const script = words.slice(1).find((word) => !word.startsWith('-') && scriptName.test(word))
  const own = sdkHint(boot.lastLines) ?? handlerHint(boot, script)
  if (own !== undefined) return own
  if (script !== undefined && !existsSync(resolve(cwd, script)))
    return `There is no file ${resolve(cwd, script)}: paths count from the working directory (\`cwd\`, -w, else the folder of the config file).`
  const command = words.join(' ')
  const call = words.some((word) => /^php[\d.]*$/.test(basename(word))) ? 'Worker::serve()' : 'serve()'
  const serve = `it must call ${call}, or whatever waits for jobs in its package`
  if (code === 0) return `\`${command}\` ended without waiting for jobs: ${serve}.`
  if (code !== null)
    return `Its last lines say why; \`${command}\` shows the same by hand. Once it runs, ${serve}.`
  return `Run \`${command}\` by hand: within allocate_timeout (${allocateMs} ms) ${serve}.`
}

const missingSdks: readonly (readonly [says: RegExp, hint: string])[] = [
  [
    /No module named '?relayrunner(\.\w+)*'?(?![\w.])/,
    'Name the SDK’s folder: `env: { PYTHONPATH: node_modules/relayrunner/workers/python/src }` in `server`, or run `pip install node_modules/relayrunner/workers/python`.',
  ],
  [
    /Class "RelayRunner\\+\w+" not found/,
    "Load the SDK in the worker's first line: `require __DIR__ . '/node_modules/relayrunner/workers/php/autoload.php';`.",
  ],
  [
    /Cannot find (package|module) 'relayrunner(\/[\w/]+)?'/,
    'Run `npm install relayrunner` in the folder of the worker.',
  ],
]

/** Hint for a worker that did not find its SDK. */
function sdkHint(lastLines: readonly string[]): string | undefined {
  const text = lastLines.join('\n')
  return missingSdks.find(([says]) => says.test(text))?.[1]
}

/** Hint for an ordinary handler that was named in another way than its file has it. */
function handlerHint({ words, cwd, code }: FailedBoot, script: string | undefined): string | undefined {
  const named = namedHandler(words)
  if (named === undefined) {
    // The file of a handler, which ended because it serves nothing itself.
    if (code !== 0 || script === undefined) return undefined
    const names = exportedBy(resolve(cwd, script))
    return names.includes('handler') ? isHandler(relative(cwd, resolve(cwd, script)), 'handler') : undefined
  }
  const slash = named.lastIndexOf('/')
  const dot = named.indexOf('.', slash + 1)
  const module = dot < 0 ? named : named.slice(0, dot)
  const file = ['.mjs', '.js', '.cjs', '.py']
    .map((end) => module + end)
    .find((one) => existsSync(resolve(cwd, one)))
  if (file === undefined) return undefined
  const names = exportedBy(resolve(cwd, file))
  if (dot >= 0 && names.includes(named.slice(dot + 1))) return undefined
  const best = names.includes('handler') ? 'handler' : names[0]
  return best === undefined
    ? `A handler is a file and a function that it exports, such as \`${module}.handler\`; ${file} exports none.`
    : isHandler(file, best, names)
}

function isHandler(file: string, name: string, names: readonly string[] = [name]): string {
  const module = file.slice(0, -extname(file).length)
  return `${file} has ${names.map((one) => `\`${one}\``).join(', ')}: name the handler \`${module}.${name}\`, file and function.`
}

/** The handler that our loaders were given; undefined for other commands. */
function namedHandler(words: readonly string[]): string | undefined {
  const isOurs = words[1]?.endsWith('/workers/node/loader.js') === true || words[2] === 'relayrunner'
  return isOurs ? words.at(-1) : undefined
}

const readBytesMax = 256 * 1024
const namesMax = 5
const exportForms = [
  /^export\s+(?:async\s+)?(?:const|let|var|function\*?)\s+(\w+)/gm,
  /^(?:module\.)?exports\.(\w+)\s*=/gm,
  /^(?:async\s+)?def\s+([a-z]\w*)\s*\(/gm,
]

/** The names that a file exports in a form that a glance finds. */
function exportedBy(file: string): readonly string[] {
  try {
    if (statSync(file).size > readBytesMax) return []
    const text = readFileSync(file, 'utf8')
    const found = exportForms.flatMap((form) => [...text.matchAll(form)].map(([, name = '']) => name))
    return [...new Set(found)].slice(0, namesMax)
  } catch {
    // Not a file that can be read: nothing to say about it.
    return []
  }
}
