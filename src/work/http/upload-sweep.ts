/**
 * Names of uploaded files, by which a later server recognises the files of a killed one and removes them at its start.
 */
import { randomUUID } from 'node:crypto'
import { lstat, readdir, unlink } from 'node:fs/promises'
import { hostname, tmpdir } from 'node:os'
import { join } from 'node:path'

/** Makes the part of a file's name after `upload`: its server, and a unique number. */
export function uploadId(): string {
  return `-${hostMark()}-${process.pid}-${randomUUID()}`
}

/** Containers that share a folder have names of their own, and each has a process 1. */
function hostMark(): string {
  return hostname().replace(/[^A-Za-z0-9.]/g, '_')
}

/** Removes the files of servers of this machine that are gone; returns how many. Never rejects. */
export async function sweepUploads(dir: string, startedAtMs: number): Promise<number> {
  const folder = dir === '' ? tmpdir() : dir
  let count = 0
  // No folder: no files.
  for (const name of await readdir(folder).catch(() => []))
    if (await isLeft(folder, name, startedAtMs)) {
      const isGone = await unlink(join(folder, name)).then(
        () => true,
        // Another server removed it, or it belongs to another user.
        () => false,
      )
      if (isGone) count += 1
    }
  return count
}

async function isLeft(folder: string, name: string, startedAtMs: number): Promise<boolean> {
  const [, host, pid = ''] = /^upload-([A-Za-z0-9._]+)-(\d+)-[0-9a-f]{8}-[0-9a-f-]{27}$/.exec(name) ?? []
  if (host !== hostMark()) return false
  if (Number(pid) !== process.pid) return !isAlive(Number(pid))
  // An earlier process had our pid.
  const stat = await lstat(join(folder, name)).catch(() => undefined)
  return stat !== undefined && stat.mtimeMs < startedAtMs
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    // A process of another user is alive, too.
    return !(error instanceof Error && 'code' in error && error.code === 'ESRCH')
  }
}
