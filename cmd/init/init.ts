/** `rr init`: writes a project that runs as it is, and never over a file that is there. */
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { nearestName } from '../../config/validation/nearest.js'
import { ErrorCode, messageOf, RelayError } from '../../src/core/errors.js'
import { builtFile, packageFile } from '../../src/core/package-files.js'
import { ExitCode, sayFault, wrongUsage } from '../options.js'
import { type InitLanguage, initFiles, initLanguages, type PackagePaths, workerFile } from './files.js'

/** Files that tell which language a folder is of. */
const signs: readonly (readonly [file: string, language: InitLanguage | 'laravel'])[] = [
  ['artisan', 'laravel'],
  ['composer.json', 'php'],
  ['pyproject.toml', 'python'],
  ['requirements.txt', 'python'],
]

/** Exit 0; 1 when a file is there already or cannot be written, and then nothing has been overwritten. */
export async function init(language: string | undefined, dir: string | undefined): Promise<number> {
  const folder = resolve(dir ?? '.')
  if (language === undefined) process.stderr.write(`rr: ${choiceText(folder)}\n`)
  const wanted = language ?? languageOf(folder).language
  if (wanted === 'laravel') return initLaravel(folder)
  const chosen = initLanguages.find((one) => one === wanted)
  if (chosen === undefined) {
    const all = [...initLanguages, 'laravel']
    const nearest = nearestName(language ?? '', all)
    return wrongUsage(
      `rr init takes ${all.join(', ')}, not ${JSON.stringify(language)}`,
      nearest === undefined ? undefined : `Did you mean \`rr init ${nearest}\`?`,
    )
  }
  const paths = packagePaths(folder)
  const given = workerFile(chosen, paths)
  // A project's own worker stays, and so does its name.
  const own = existsSync(join(folder, given)) && !existsSync(join(folder, 'rr.yaml')) ? `rr-${given}` : given
  const done = write(folder, initFiles(chosen, paths, own), stepsText(stepsOf(folder, paths)))
  if (done === ExitCode.ok && own !== given)
    process.stderr.write(
      `${given} was there and is left as it is: the new worker is ${own}. To run yours, name it in \`server.command\` of rr.yaml.\n`,
    )
  return done
}

/** A command and what it does. */
type Step = readonly [command: string, does: string]

function stepsOf(folder: string, paths: PackagePaths): readonly Step[] {
  const below = relative(process.cwd(), folder)
  return [
    ...(below === '' ? [] : [[`cd ${below.startsWith('..') ? folder : below}`, ''] as const]),
    ...(paths.isInstalled ? [] : [['npm install relayrunner', 'the worker loads it from there'] as const]),
    ['npx relayrunner dev', 'starts the workers and a Lambda emulator; they restart when a file changes'],
    ['npx relayrunner invoke --sqs 3', 'in another terminal: sends three records'],
    ['npx relayrunner invoke event.json', 'sends two, of which the worker gives one back'],
    ['./test.sh', 'does all of this and compares the answers'],
  ]
}

function stepsText(steps: readonly Step[]): string {
  const width = Math.max(...steps.map(([command]) => command.length))
  const lines = steps.map(([command, does]) => `${command.padEnd(width)}  ${does}`.trimEnd())
  return `next: ${lines.join('\n      ')}\n`
}

async function initLaravel(folder: string): Promise<number> {
  const { laravelFiles, laravelSteps } = await import('./laravel.js')
  if (!existsSync(join(folder, 'artisan'))) {
    const what = `${folder} has no artisan, so it is not a Laravel application`
    return refuse(what, 'Run it in the folder of the application, or name the folder: `rr init laravel DIR`.')
  }
  const paths = packagePaths(folder)
  return write(folder, laravelFiles(paths.schema), laravelSteps(paths))
}

/** Writes the files, none of which may be there, and says what is next. */
function write(folder: string, files: Readonly<Record<string, string>>, steps: string): number {
  if ('rr.yaml' in files && existsSync(join(folder, '.rr.yaml'))) {
    const what = `.rr.yaml exists in ${folder}, and an rr.yaml beside it would be read in its place: nothing was written`
    return refuse(
      what,
      '`rr serve` runs .rr.yaml as it is, `rr validate` checks it. For a new project name another folder: `rr init LANGUAGE DIR`.',
    )
  }
  const there = Object.keys(files).filter((name) => existsSync(join(folder, name)))
  if (there.length > 0) {
    const what = `${there.join(', ')} exist${there.length === 1 ? 's' : ''} in ${folder}: nothing was written`
    return refuse(what, 'Name another folder: `rr init LANGUAGE DIR`.')
  }
  try {
    mkdirSync(folder, { recursive: true })
    // `wx`: a file that was created meanwhile stays.
    for (const [name, text] of Object.entries(files))
      writeFileSync(join(folder, name), text, { flag: 'wx', mode: name.endsWith('.sh') ? 0o755 : 0o644 })
  } catch (error) {
    return refuse(
      `the project cannot be written: ${messageOf(error)}`,
      'Name a folder that you may write to.',
    )
  }
  process.stderr.write(`wrote ${Object.keys(files).join(', ')}\n${steps}`)
  return ExitCode.ok
}

function refuse(what: string, hint: string): number {
  return sayFault(new RelayError(ErrorCode.ProjectFiles, what, { hint }))
}

interface Choice {
  readonly language: InitLanguage | 'laravel'
  /** The file that tells it. */
  readonly file?: string
}

function languageOf(folder: string): Choice {
  const found = signs.find(([file]) => existsSync(join(folder, file)))
  return found === undefined ? { language: 'node' } : { language: found[1], file: found[0] }
}

function choiceText(folder: string): string {
  const { language, file } = languageOf(folder)
  const why = file === undefined ? 'no file here tells another language' : `there is a ${file}`
  return `${language}, since ${why}; \`rr init ${[...initLanguages, 'laravel'].join('|')}\` chooses`
}

/**
 * Finds the paths of the package that the project has installed. Where none is: of this one, so that the project runs at once, but for a
 * copy in npx's cache, which may be gone tomorrow.
 */
function packagePaths(folder: string): PackagePaths {
  const own = packageFile('')
  const found = installedFolder(folder)
  const isCached = own.includes('/_npx/')
  if (found !== undefined || isCached) {
    const installed = found ?? 'node_modules/relayrunner'
    return {
      nodeModule: 'relayrunner/worker',
      folder: installed,
      command: `node ${installed}/dist/cmd/rr.js`,
      schema: `${installed}/dist/rr.schema.json`,
      isInstalled: found !== undefined,
    }
  }
  return {
    nodeModule: pathToFileURL(builtFile('workers/node/index.js')).href,
    folder: own.replace(/\/$/, ''),
    command: `node '${builtFile('cmd/rr.js')}'`,
    schema: builtFile('rr.schema.json'),
    isInstalled: true,
  }
}

/** Finds the package as Node would from `folder`; the path is relative to it. */
function installedFolder(folder: string): string | undefined {
  for (let at = folder; ; at = dirname(at)) {
    if (existsSync(join(at, 'node_modules/relayrunner/package.json')))
      return relative(folder, join(at, 'node_modules/relayrunner'))
    if (at === dirname(at)) return undefined
  }
}
