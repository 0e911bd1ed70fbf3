/**
 * `rr compile`: prepares the starts of one deployment. Writes the configuration as JSON, and the code that V8 made of the bundle while a
 * server of our own started and answered two events, for this very Node.
 */
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { compileConfig } from '../../config/compiled.js'
import { readConfig } from '../../config/find.js'
import { messageOf } from '../../src/core/errors.js'
import { builtFile } from '../../src/core/package-files.js'
import { type CommonOptions, ExitCode, sayFault } from '../options.js'
import { isConfigFault } from '../server/life.js'
import { planStart } from '../server/plan.js'
import { builtInSections } from '../server/sections.js'
import { checkProblems } from '../server/start-fault.js'
import { version } from '../version.js'
import { preparedNames } from './prepared.js'
import { runSample } from './sample-run.js'

/** Options of `rr compile`. */
interface CompileOptions extends CommonOptions {
  readonly out?: string
}

const onlyOursToWrite = { folder: 0o755, file: 0o444 } as const

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

function makeFolder(folder: string): void {
  mkdirSync(folder, { recursive: true })
  // The start takes nothing from a folder that others may write to.
  chmodSync(folder, onlyOursToWrite.folder)
}

function write(folder: string, name: string, bytes: string | Uint8Array): void {
  const path = join(folder, name)
  rmSync(path, { force: true })
  writeFileSync(path, bytes, { mode: onlyOursToWrite.file })
  chmodSync(path, onlyOursToWrite.file)
}

async function writeConfig(folder: string, files: readonly string[]): Promise<void> {
  const texts = files.map((file) => readConfig(file))
  const sections = builtInSections.map(({ name }) => name)
  write(folder, preparedNames.config, JSON.stringify(await compileConfig(texts, { version, sections })))
}

async function writeCache(folder: string): Promise<void> {
  const work = mkdtempSync(join(tmpdir(), 'rr-compile-'))
  try {
    const { name, bytes } = await runSample({ folder: work, prepare: writeConfig })
    write(folder, name, bytes)
  } catch (error) {
    throw new Error(`the program could not be run to compile it: ${messageOf(error)}`)
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
}
