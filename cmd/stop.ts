/** `rr stop`: asks the running server to stop and returns when its process has gone. */
import { readFileSync } from 'node:fs'
import { sleep, systemClock } from '../src/core/clock.js'
import { connectServer } from './control.js'
import { type CommonOptions, ExitCode } from './options.js'

const lookEveryMs = 20

/** Stops the server. */
export async function stop(options: CommonOptions): Promise<number> {
  const client = await connectServer(options)
  const answer = await client.call('rr.Stop')
  await client.closed
  const pid = typeof answer === 'object' && answer !== null && 'pid' in answer ? Number(answer.pid) : 0
  // The socket closes last but for the log's last words; a process is no child of ours, so looking is all there is.
  while (pid > 0 && isAlive(pid)) await sleep(systemClock, lookEveryMs)
  return ExitCode.ok
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
  } catch {
    // ESRCH: it has gone. (EPERM cannot be: the private socket is our own user's.)
    return false
  }
  return !isZombie(pid)
}

/** A zombie has gone, too: its parent has just not asked for its exit code yet, and may be waiting for us. */
function isZombie(pid: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
    return stat.slice(stat.lastIndexOf(')') + 2).startsWith('Z')
  } catch {
    // No /proc, or it went meanwhile: the next look tells.
    return false
  }
}
