/** Runs a command of `rr` to its end without blocking the test, which may be the server that the command talks to. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { endingWithUs } from './mortal.js'
import { rrCommand } from './project.js'

/** Result of a run. */
export interface CommandRun {
  readonly code: number | null
  readonly out: string
  readonly err: string
  readonly pid: number | undefined
}

/** Runs `rr WORDS` in a folder. */
export async function rr(
  folder: string,
  words: readonly string[],
  env: Readonly<Record<string, string | undefined>> = {},
): Promise<CommandRun> {
  const [file, ...first] = endingWithUs([process.execPath, rrCommand])
  const child = spawn(file, [...first, ...words], {
    cwd: folder,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    // No command takes so long: one that hangs must not hang the tests.
    timeout: 60_000,
  })
  const ended = once(child, 'close')
  const [out, err] = await Promise.all([text(child.stdout), text(child.stderr)])
  const [code] = await ended
  return { code, out, err, pid: child.pid }
}
