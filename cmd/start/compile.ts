/**
 * `rr compile`: prepares the starts of one deployment. Writes the configuration as JSON, and the code that V8 made of the bundle while a
 * server of our own started and answered two events, for this very Node.
 */
import { chmodSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { compileConfig } from '../../config/compiled.js'
import { readConfig } from '../../config/find.js'
import { isModuleFile } from '../../config/module.js'
import { messageOf } from '../../src/core/errors.js'
import { builtFile } from '../../src/core/package-files.js'
import { type CommonOptions, ExitCode, sayFault } from '../options.js'
import { isConfigFault } from '../server/life.js'
import { planStart } from '../server/plan.js'
import { builtInSections } from '../server/sections.js'
import { checkProblems } from '../server/start-fault.js'
import { version } from '../version.js'
import { othersMayWrite, preparedNames } from './prepared.js'
import { runSample } from './sample-run.js'

/** Options of `rr compile`. */
interface CompileOptions extends CommonOptions {
  readonly out?: string
}

const onlyOursToWrite = { folder: 0o755, file: 0o444 } as const
const ownerMayRead = 0o400

/** Exit 0; 1 when something cannot be written or run; 78 for a configuration with faults. */
export async function compile(options: CompileOptions): Promise<number> {
  const folder = options.out ?? process.env.RELAYRUNNER_COMPILED ?? builtFile('cmd/compiled')
  try {
    const files = await filesOf(options)
    makeFolder(folder)
    if (files.length > 0) await writeConfig(folder, files)
    await writeCache(folder)
    process.stdout.write(
      `compiled ${files.length > 0 ? 'the configuration and ' : ''}the program to ${folder}\n`,
    )
    return ExitCode.ok
  } catch (error) {
    const code = sayFault(error)
    return isConfigFault(error) ? ExitCode.config : code
  }
}

/** The files of the configuration, all without faults; none where a start would do without. */
async function filesOf(options: CommonOptions): Promise<readonly string[]> {
  const { files, problems } = await planStart('bootstrap', options)
  checkProblems(problems)
  return files
}

/** Makes the folder where there is none. Throws for one that others may write to: the start takes nothing from it. */
function makeFolder(folder: string): void {
  const isNew = mkdirSync(folder, { recursive: true }) !== undefined
  // Whatever the umask; the mode of a folder that was there is not ours to change.
  if (isNew) chmodSync(folder, onlyOursToWrite.folder)
  const { mode } = statSync(folder)
  if ((mode & othersMayWrite) === 0) return
  throw new Error(
    `${folder} has mode ${(mode & 0o7777).toString(8)}: a start takes nothing from a folder that group or others may write to; name another folder with --out, or take that right away (chmod go-w)`,
  )
}

function write(folder: string, name: string, { bytes, mode }: Written): void {
  const path = join(folder, name)
  rmSync(path, { force: true })
  writeFileSync(path, bytes, { mode })
  chmodSync(path, mode)
}

interface Written {
  readonly bytes: string | Uint8Array
  readonly mode: number
}

async function writeConfig(folder: string, files: readonly string[]): Promise<void> {
  // A module is imported at each start: what it returns may depend on the environment.
  const texts = files.filter((file) => !isModuleFile(file)).map((file) => readConfig(file))
  const sections = builtInSections.map(({ name }) => name)
  const bytes = JSON.stringify(await compileConfig(texts, { version, sections }))
  write(folder, preparedNames.config, { bytes, mode: modeLike(files) })
}

/** Returns a mode that lets nobody but the owner read what was made of the files, unless they may read all of them. */
function modeLike(files: readonly string[]): number {
  return files.reduce<number>((mode, file) => mode & statSync(file).mode, onlyOursToWrite.file) | ownerMayRead
}

async function writeCache(folder: string): Promise<void> {
  const work = mkdtempSync(join(tmpdir(), 'rr-compile-'))
  try {
    const { name, bytes } = await runSample({ folder: work, prepare: writeConfig })
    write(folder, name, { bytes, mode: onlyOursToWrite.file })
  } catch (error) {
    throw new Error(`the program could not be run to compile it: ${messageOf(error)}`)
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
}
