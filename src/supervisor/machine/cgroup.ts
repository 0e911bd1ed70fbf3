/**
 * Finds the cgroups that this process is in, innermost first: a limit may stand at any of them (a service's own, its slice, the
 * container's). Reads `/proc/self/cgroup` and checks which folders exist; their files are read elsewhere.
 */
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

/** Folders of the system's pseudo file systems; tests have their own. */
export interface SystemRoots {
  /** `/sys/fs/cgroup`. */
  readonly cgroup: string
  /** `/proc`. */
  readonly proc: string
}

/** Folders of the machine. */
export const systemRoots: SystemRoots = { cgroup: '/sys/fs/cgroup', proc: '/proc' }

/** The folders of a controller, innermost first; `controller` matters for version 1 only, which mounts each by itself. */
export function cgroupFolders(
  controller: 'cpu' | 'memory',
  roots: SystemRoots,
): { readonly v2: readonly string[]; readonly v1: readonly string[] } {
  const lines = readSmallFile(join(roots.proc, 'self/cgroup'))?.split('\n') ?? []
  const pathOf = (isWanted: (controllers: string) => boolean) =>
    lines.map((line) => line.split(':')).find(([, controllers = '-']) => isWanted(controllers))?.[2] ?? '/'
  return {
    v2: chain(
      roots.cgroup,
      pathOf((controllers) => controllers === ''),
    ),
    v1: chain(
      join(roots.cgroup, controller),
      pathOf((controllers) => controllers.split(',').includes(controller)),
    ),
  }
}

/** The folders from `path` up to the root. In a container the path may be the host's and not exist here: only the root is left. */
function chain(root: string, path: string): readonly string[] {
  const folders: string[] = []
  for (let at = path; at !== '/' && at !== '.'; at = dirname(at)) folders.push(join(root, at))
  return [...folders, root].filter((folder) => existsSync(folder))
}

/** The text of a small file, trimmed; undefined when it does not exist. */
export function readSmallFile(path: string): string | undefined {
  try {
    return readFileSync(path, 'latin1').trim()
  } catch {
    // Not this kind of cgroup, or not Linux: the next place is asked.
    return undefined
  }
}

/** Parses a memory limit of either version, in bytes; Infinity for "max" and for a number near 2^63. */
export function memoryLimit(text: string | undefined): number {
  const bytes = Number(text ?? 'none')
  return bytes > 0 && bytes < 2 ** 60 ? bytes : Number.POSITIVE_INFINITY
}
