/**
 * Ends an environment when the process that runs it has ended: a `sh` in a session of its own reads which process groups
 * there are, and kills them when its input ends. A frozen process could not notice the end by itself.
 */
import { type ChildProcess, spawn } from 'node:child_process'

// In dash `kill -KILL -- -PID` fails and `kill -s KILL -- -PID` works. A group that is gone is not an error.
const script = `trap '' HUP INT TERM
groups=
while read -r line; do groups=$line; done
for group in $groups; do kill -s KILL -- "-$group" 2>/dev/null; done`

/** Guard of one environment. */
export class EndGuard {
  readonly #child: ChildProcess

  constructor() {
    const child = spawn('/bin/sh', ['-c', script], {
      stdio: ['pipe', 'ignore', 'ignore'],
      detached: true,
      cwd: '/',
    })
    // The environment works without a guard, too.
    child.on('error', () => undefined)
    child.stdin?.on('error', () => undefined)
    child.unref()
    this.#child = child
  }

  /** Sets the process groups that end with the server. */
  hold(groups: readonly number[]): void {
    this.#child.stdin?.write(`${groups.join(' ')}\n`)
  }

  /** Ends the guard, which kills the groups that it holds. */
  close(): void {
    this.#child.stdin?.end()
  }
}
