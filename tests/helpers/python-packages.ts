/** Installs pinned packages of PyPI once, into a folder of the checkout's cache that is then put on PYTHONPATH. */
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { projectFolder } from './project.js'

/** The folder with these packages and no others: each is named with its version, dependencies included. Throws with pip's words. */
export function pythonPackages(pinned: readonly string[]): string {
  const version = spawnSync('python3', ['-c', 'import sys; print(sys.version_info[:2])'], {
    encoding: 'utf8',
  })
  const key = createHash('sha256')
    .update(JSON.stringify([version.stdout, pinned]))
    .digest('hex')
    .slice(0, 16)
  const cache = join(projectFolder, 'node_modules/.cache/relayrunner-python')
  const folder = join(cache, key)
  if (existsSync(folder)) return folder
  mkdirSync(cache, { recursive: true })
  const fresh = mkdtempSync(join(cache, 'new-'))
  const options = ['--quiet', '--no-deps', '--disable-pip-version-check', '--root-user-action=ignore']
  const words = ['-m', 'pip', 'install', ...options, '--target', fresh, ...pinned]
  const pip = spawnSync('python3', words, { encoding: 'utf8' })
  if (pip.status !== 0) {
    rmSync(fresh, { recursive: true, force: true })
    throw new Error(`python3 ${words.join(' ')} ended with ${pip.status ?? pip.signal}:\n${pip.stderr}`)
  }
  renameSync(fresh, folder)
  return folder
}
