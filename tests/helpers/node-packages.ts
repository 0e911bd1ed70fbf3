/** Installs pinned packages of npm once, into a folder of the checkout's cache that a test links as its `node_modules`. */
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { projectFolder } from './project.js'

const installMsMax = 120_000

/**
 * The `node_modules` folder with these packages and what they depend on; scripts of packages are not run. Throws with npm's
 * words when they cannot be had.
 */
export function nodePackages(pinned: Readonly<Record<string, string>>): string {
  const manifest = JSON.stringify({ private: true, dependencies: pinned })
  const key = createHash('sha256')
    .update(JSON.stringify([process.version, manifest]))
    .digest('hex')
    .slice(0, 16)
  const cache = join(projectFolder, 'node_modules/.cache/relayrunner-node')
  const folder = join(cache, key)
  if (existsSync(folder)) return join(folder, 'node_modules')
  mkdirSync(cache, { recursive: true })
  const fresh = mkdtempSync(join(cache, 'new-'))
  writeFileSync(join(fresh, 'package.json'), manifest)
  const options = ['--ignore-scripts', '--no-package-lock', '--no-audit', '--no-fund', '--loglevel=error']
  // Optional ones are native; peers are named by the test where they are needed.
  const words = [
    'install',
    ...options,
    '--omit=optional',
    '--omit=peer',
    '--legacy-peer-deps',
    '--fetch-timeout=20000',
    // Otherwise npm tries for minutes before it says why it cannot reach the registry.
    '--fetch-retries=1',
    '--fetch-retry-mintimeout=1000',
  ]
  const npm = spawnSync('npm', [...words, '--prefix', fresh], {
    cwd: fresh,
    env: npmEnvironment(),
    encoding: 'utf8',
    timeout: installMsMax,
  })
  if (npm.status !== 0) {
    rmSync(fresh, { recursive: true, force: true })
    const why = npm.error === undefined ? npm.stderr : `${npm.error.message}\n${npm.stderr}`
    throw new Error(
      `npm could not install the frameworks of this test, is the registry reachable? npm ${words.join(' ')} ended with ${npm.status ?? npm.signal}:\n${why}`,
    )
  }
  renameSync(fresh, folder)
  return join(folder, 'node_modules')
}

/** `scripts/test.mjs` takes the certificates out of the environment of the tests; a registry may need them. */
function npmEnvironment(): NodeJS.ProcessEnv {
  const { RR_TEST_CA_CERTS: certificates, ...env } = process.env
  return certificates === undefined ? env : { ...env, NODE_EXTRA_CA_CERTS: certificates }
}
