/** Users of this machine that workers may run as; only root can start any. */
import { execFileSync } from 'node:child_process'
import { chmodSync, cpSync, readFileSync } from 'node:fs'
import type { TestContext } from 'node:test'
import { fixture } from './project.js'
import { testFolder } from './rr.js'

/** False, or why tests that start workers as somebody else are skipped. */
export const notRoot: string | false =
  process.getuid?.() === 0 ? false : 'only root can run workers as others'

/** A user with its ids. */
export interface TestUser {
  readonly name: string
  readonly uid: number
  readonly gid: number
  readonly home: string
  /** All of them, sorted as text. */
  readonly groups: readonly number[]
}

/** The user of a name. */
function userOf(name: string): TestUser {
  const line = lines('/etc/passwd').find((one) => one[0] === name)
  if (line === undefined) throw new Error(`there is no user ${name}`)
  const groups = execFileSync('id', ['-G', name], { encoding: 'utf8' }).trim().split(' ').map(Number).sort()
  return { name, uid: Number(line[2]), gid: Number(line[3]), home: line[5] ?? '', groups }
}

/** A user with no group but its own: `nobody`. */
export function plainUser(): TestUser {
  return userOf('nobody')
}

/** A user with a group beside its own: one of the system's, else one that is made and goes with the test. */
export function userWithGroups(t: TestContext): TestUser {
  const members = lines('/etc/group').flatMap((line) => (line[3] ?? '').split(','))
  const found = lines('/etc/passwd').find(([name, , uid]) => uid !== '0' && members.includes(name ?? ''))
  if (found?.[0] !== undefined) return userOf(found[0])
  const name = `rr-test-${process.pid}`
  execFileSync('useradd', ['--no-create-home', '--groups', 'mail,news', name])
  t.after(() => execFileSync('userdel', [name]))
  return userOf(name)
}

/** The command of a fixture worker in a folder that everybody can read. */
export async function openFixture(t: TestContext, name: string): Promise<readonly string[]> {
  const folder = await testFolder(t)
  chmodSync(folder, 0o755)
  for (const file of [`${name}.mjs`, 'goridge.mjs']) cpSync(fixture('workers', file), `${folder}/${file}`)
  return [process.execPath, `${folder}/${name}.mjs`]
}

function lines(file: string): readonly (readonly string[])[] {
  return readFileSync(file, 'utf8')
    .split('\n')
    .map((line) => line.split(':'))
}
