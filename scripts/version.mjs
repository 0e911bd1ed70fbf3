/** Makes the next version of what `.changeset` holds: `npm run version`. Writes package.json, the changelog, the lock file and the constant of the code. */
import { spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const root = process.cwd()
run('npx', ['changeset', 'version'])
const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
const constant = join(root, 'cmd/version.ts')
const code = readFileSync(constant, 'utf8')
writeFileSync(constant, code.replace(/(export const version = ')[^']*'/, `$1${version}'`))
run('npm', ['install', '--package-lock-only', '--ignore-scripts', '--no-audit', '--no-fund'])
console.log(`version ${version}: commit this, and tag it v${version}`)

function run(command, words) {
  const { status } = spawnSync(command, words, { stdio: 'inherit', cwd: root })
  if (status !== 0) process.exit(status ?? 1)
}
