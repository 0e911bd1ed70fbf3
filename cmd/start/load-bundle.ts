/** Loads a bundle as Node would, with V8's code cache where there is one: else most of a start is compiling. */
import { readFileSync, writeFileSync } from 'node:fs'
import { createRequire, Module } from 'node:module'
import { dirname } from 'node:path'
import { constants, Script } from 'node:vm'

/** A bundle and its code cache. */
export interface BundleOptions {
  readonly file: string
  readonly cachedData: Buffer | undefined
  /** File that the code cache is written to at the end of the process, with all functions that ran until then. */
  readonly saveTo: string | undefined
}

/** Runs the bundle, whose text is a function of a module's parameters; returns its exports and whether V8 refused the cache. */
export function loadBundle({ file, cachedData, saveTo }: BundleOptions) {
  const script = new Script(readFileSync(file, 'latin1'), {
    filename: file,
    cachedData,
    importModuleDynamically: constants.USE_MAIN_CONTEXT_DEFAULT_LOADER,
  })
  const load = createRequire(file)
  const module = new Module(file)
  module.filename = file
  // The files beside it ask for it by its name.
  load.cache[file] = module
  script.runInThisContext()(module.exports, load, module, file, dirname(file))
  module.loaded = true
  if (saveTo !== undefined) process.on('exit', () => writeFileSync(saveTo, script.createCachedData()))
  return { exports: load.cache[file]?.exports, isRejected: script.cachedDataRejected === true }
}
