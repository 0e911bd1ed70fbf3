/** `rr init`: writes a project that runs as it is, and never over a file that is there. */
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { jsonSchema } from '../../config/json-schema.js'
import { messageOf } from '../../src/core/errors.js'
import { builtFile, packageFile } from '../../src/core/package-files.js'
import { ExitCode, wrongUsage } from '../options.js'
import { type InitLanguage, initFiles, initLanguages, type PackagePaths } from './init-files.js'
import { builtInSections } from './sections.js'

/** Files that tell which language a folder is of. */
const signs: readonly (readonly [file: string, language: InitLanguage])[] = [
  ['composer.json', 'php'],
  ['pyproject.toml', 'python'],
  ['requirements.txt', 'python'],
]

/** Exit 0; 1 when a file is there already or cannot be written, and then nothing has been overwritten. */
export async function init(language: string | undefined, dir: string | undefined): Promise<number> {
  const folder = resolve(dir ?? '.')
  if (language === 'laravel') return initLaravel(folder)
  const chosen = language === undefined ? languageOf(folder) : initLanguages.find((one) => one === language)
  if (chosen === undefined)
    return wrongUsage(
      `rr init takes one of ${initLanguages.join(', ')}, laravel, not ${JSON.stringify(language)}`,
    )
  const paths = packagePaths(folder)
  const go = dir === undefined || folder === resolve('.') ? '' : `cd ${dir} && `
  return write(
    folder,
    initFiles(chosen, paths, schemaText()),
    `next: ${go}npx relayrunner dev          start the workers and a Lambda emulator
      npx relayrunner invoke --sqs 3   send them three records, in another terminal
      ./test.sh                        does both and compares the answers
`,
  )
}

async function initLaravel(folder: string): Promise<number> {
  const { laravelFiles, laravelSteps } = await import('./init-laravel.js')
  if (!existsSync(join(folder, 'artisan'))) {
    process.stderr.write(`rr: ${folder} has no artisan: run it in the folder of a Laravel application\n`)
    return ExitCode.fault
  }
  return write(folder, laravelFiles(schemaText()), laravelSteps(packagePaths(folder)))
}

function schemaText(): string {
  return `${JSON.stringify(jsonSchema(builtInSections), undefined, 2)}\n`
}

/** Writes the files, none of which may be there, and says what is next. */
function write(folder: string, files: Readonly<Record<string, string>>, steps: string): number {
  const there = Object.keys(files).filter((name) => existsSync(join(folder, name)))
  if (there.length > 0) {
    process.stderr.write(`rr: ${there.join(', ')} exists in ${folder}: nothing was written\n`)
    return ExitCode.fault
  }
  try {
    mkdirSync(folder, { recursive: true })
    // `wx`: a file that was created meanwhile stays.
    for (const [name, text] of Object.entries(files))
      writeFileSync(join(folder, name), text, { flag: 'wx', mode: name.endsWith('.sh') ? 0o755 : 0o644 })
  } catch (error) {
    process.stderr.write(`rr: cannot write the project: ${messageOf(error)}\n`)
    return ExitCode.fault
  }
  process.stderr.write(`wrote ${Object.keys(files).join(', ')}\n${steps}`)
  return ExitCode.ok
}

function languageOf(folder: string): InitLanguage {
  return signs.find(([file]) => existsSync(join(folder, file)))?.[1] ?? 'node'
}

/** Finds the paths of the package that the project has installed, else of this one, so that the project runs in any case. */
function packagePaths(folder: string): PackagePaths {
  const own = packageFile('')
  const installed = installedFolder(folder)
  if (installed !== undefined)
    return {
      nodeModule: 'relayrunner/worker',
      folder: installed,
      command: `node ${installed}/dist/cmd/rr.js`,
    }
  const rr = builtFile('cmd/rr.js')
  const worker = builtFile('workers/node/index.js')
  return { nodeModule: pathToFileURL(worker).href, folder: own, command: `node '${rr}'` }
}

/** Finds the package as Node would from `folder`; the path is relative to it. */
function installedFolder(folder: string): string | undefined {
  for (let at = folder; ; at = dirname(at)) {
    if (existsSync(join(at, 'node_modules/relayrunner/package.json')))
      return relative(folder, join(at, 'node_modules/relayrunner'))
    if (at === dirname(at)) return undefined
  }
}
