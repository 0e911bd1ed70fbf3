/** `rr version`: what runs here, for a report of a fault: versions, platform, and which optional parts are at hand. Starts no server. */
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { release } from 'node:os'
import { join } from 'node:path'
import { isObject } from '../../src/core/json.js'
import { packageFile } from '../../src/core/package-files.js'
import { builtInPlugins } from '../../src/plugins/index.js'
import { roadRunnerVersion } from '../../src/supervisor/version.js'
import { ExitCode } from '../options.js'
import { version } from '../version.js'

/** Optional parts, each with what needs it. */
const programs = {
  mkfifo: 'relay: fifo, and workers that end with a killed server',
  setpriv: 'user, group',
  'systemd-notify': 'Type=notify',
} as const
const programMsMax = 5_000

/** Facts of an installation. */
interface VersionInfo {
  readonly relayrunner: string
  /** Version of RoadRunner that configuration and protocol follow. */
  readonly roadrunner: string
  readonly node: string
  readonly v8: string
  readonly platform: string
  readonly kernel: string
  readonly plugins: readonly string[]
  /** Version of each optional package; null where it is not installed. */
  readonly packages: Readonly<Record<string, string | null>>
  readonly programs: Readonly<Record<string, boolean>>
}

/** Prints the facts. Exit 0. */
export async function versionInfo(options: { readonly json?: boolean }): Promise<number> {
  const info = read()
  process.stdout.write(options.json === true ? `${JSON.stringify(info)}\n` : textOf(info))
  return ExitCode.ok
}

function read(): VersionInfo {
  return {
    relayrunner: version,
    roadrunner: roadRunnerVersion,
    node: process.versions.node,
    v8: process.versions.v8,
    platform: `${process.platform} ${process.arch}`,
    kernel: release(),
    plugins: builtInPlugins.map(({ name }) => name).sort(),
    packages: Object.fromEntries(optionalPackages().map((name) => [name, installedVersion(name)])),
    programs: Object.fromEntries(Object.keys(programs).map((name) => [name, isThere(name)])),
  }
}

/** The packages that drivers use and the user installs. */
function optionalPackages(): readonly string[] {
  const manifest: unknown = JSON.parse(readFileSync(packageFile('package.json'), 'utf8'))
  const peers = isObject(manifest) && isObject(manifest.peerDependencies) ? manifest.peerDependencies : {}
  return Object.keys(peers).sort()
}

/** Reads the version where a driver would find the package. Its `exports` may hide its manifest from `require`. */
function installedVersion(name: string): string | null {
  for (const folder of createRequire(import.meta.filename).resolve.paths(name) ?? []) {
    const file = join(folder, name, 'package.json')
    if (!existsSync(file)) continue
    const manifest: unknown = JSON.parse(readFileSync(file, 'utf8'))
    return isObject(manifest) ? String(manifest.version) : null
  }
  return null
}

function isThere(program: string): boolean {
  return spawnSync(program, ['--version'], { stdio: 'ignore', timeout: programMsMax }).error === undefined
}

function textOf(info: VersionInfo): string {
  const { relayrunner, roadrunner, node, v8, platform, kernel, plugins } = info
  const packages = Object.entries(info.packages).map(
    ([name, found]) => `${name} ${found ?? '(not installed)'}`,
  )
  const missing = Object.entries(programs).map(([name, use]) =>
    info.programs[name] === true ? name : `${name} (missing: ${use})`,
  )
  return [
    `relayrunner ${relayrunner}, compatible with RoadRunner ${roadrunner}`,
    `Node ${node} (V8 ${v8}) on ${platform}, kernel ${kernel}`,
    `plugins: ${plugins.join(', ')}`,
    `packages: ${packages.join(', ')}`,
    `programs: ${missing.join(', ')}`,
    '',
  ].join('\n')
}
