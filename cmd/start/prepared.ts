/**
 * Reads what `rr compile` made: V8's code cache and the configuration as JSON. Both decide what runs, so they are taken only from a
 * folder that nobody else may write to. Whatever is wrong with them, the start goes on without.
 */
import { readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import type { CompiledConfig } from '../../config/compiled.js'
import type { EarlyChildren } from '../../src/supervisor/worker/os/early.js'

/** Prepared parts of a start, and sentences for the log. */
export interface Prepared {
  readonly compiled?: CompiledConfig | undefined
  /** Workers that run already. */
  readonly early?: EarlyChildren | undefined
  readonly notes: string[]
}

/** Names of the files in the folder. */
export const preparedNames = { config: 'config.json', cache: 'code-cache' } as const

/** Bits of a mode that let group and others write. */
export const othersMayWrite = 0o022

/**
 * Returns the name of the code cache of one bundle, under its version and hash, for these options of Node's. Everything that V8's code
 * depends on is part of it: of the source V8 itself compares only the length.
 */
export function cacheName(bundle: readonly string[], options: readonly string[]): string {
  const parts = [preparedNames.cache, ...bundle, process.version, process.arch, ...options]
  return parts.join('-').replace(/[^\w.-]/g, '')
}

/** Reads a file of the folder. Undefined, with a note, where there is none that may be used. */
export function readPrepared(folder: string, name: string, notes: string[]): Buffer | undefined {
  const path = join(folder, name)
  try {
    for (const one of [folder, path]) {
      const { uid, mode } = statSync(one)
      const isOurs = uid === 0 || uid === process.getuid?.()
      if (!isOurs || (mode & othersMayWrite) !== 0) {
        notes.push(`${one} is not used: others may write to it`)
        return undefined
      }
    }
    return readFileSync(path)
  } catch (error) {
    notes.push(`${path} is not used: ${error instanceof Error ? error.message : error}`)
    return undefined
  }
}

/** Reads the compiled configuration of this version of the package. */
export function readCompiled(folder: string, version: string, notes: string[]): CompiledConfig | undefined {
  const found = readPrepared(folder, preparedNames.config, notes)
  if (found === undefined) return undefined
  try {
    const config: unknown = JSON.parse(found.toString())
    if (isCompiled(config) && config.version === version) return config
    notes.push('the compiled configuration is of another version')
  } catch (error) {
    notes.push(`the compiled configuration cannot be read: ${error instanceof Error ? error.message : error}`)
  }
  return undefined
}

/** Checks only who wrote it: nobody else could. */
function isCompiled(value: unknown): value is CompiledConfig {
  return typeof value === 'object' && value !== null && 'version' in value && 'files' in value
}
