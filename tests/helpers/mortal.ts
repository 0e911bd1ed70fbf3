/** Programs of a test that end with it, also when it is killed: no hook of the test's own runs then. */
import { spawnSync } from 'node:child_process'

/** False, or why nothing can be asked to end with its parent on this machine. */
export const cannotEndWithUs =
  spawnSync('setpriv', ['--pdeathsig', 'KILL', 'true'], { stdio: 'ignore' }).status === 0
    ? false
    : 'there is no setpriv with --pdeathsig: servers outlive a killed test here'

/** The words that start a program, with the same pid, so that the kernel kills it when this process has gone. */
export function endingWithUs(words: readonly [string, ...string[]]): readonly [string, ...string[]] {
  return cannotEndWithUs === false ? ['setpriv', '--pdeathsig', 'KILL', '--', ...words] : words
}
