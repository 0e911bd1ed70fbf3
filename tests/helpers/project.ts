/** Paths of the checkout and of the build that runs, and the languages that this machine has. */
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The compiled sources, `build`: tests import them one by one. */
export const buildFolder = fileURLToPath(new URL('../..', import.meta.url))

/** The checkout: the nearest folder above with a package.json. */
export const projectFolder = (() => {
  let folder = buildFolder
  while (!existsSync(join(folder, 'package.json'))) folder = dirname(folder)
  return folder
})()

/** Folder of what ships, `dist`: tests that start a command start its bundles. */
export const shippedFolder = join(projectFolder, 'dist')

/** The command line under test. */
export const rrCommand = join(shippedFolder, 'cmd', 'rr.js')

/** A file below `tests/fixtures`. */
export function fixture(...path: readonly string[]): string {
  return join(projectFolder, 'tests', 'fixtures', ...path)
}

/** False, or why tests of a language are skipped on this machine; `scripts/test.mjs` makes it a failure in CI. */
export function missing(program: 'php' | 'python3'): string | false {
  const found = spawnSync(program, [program === 'php' ? '-v' : '-V'], { stdio: 'ignore' }).status === 0
  return found ? false : `${program} is not on this machine`
}
