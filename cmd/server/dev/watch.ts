/** Tells `rr dev` that files changed: many changes at once count as one, and so do faults of the watch itself. */
import { relative, sep } from 'node:path'
import { type Clock, systemClock, type Timer } from '../../../src/core/clock.js'
import { FolderTree, type WatchFault } from './folder-tree.js'

const quietMs = 200
// What changes by itself or by our own doing: packages, version control, caches, logs.
const ignored =
  /(^|\/)(node_modules|vendor|\.git|\.idea|\.vscode|__pycache__|\.?cache|logs?|var|storage)(\/|$)|\.(log|pid|sock|swp|pyc|tmp)$|~$/
const pathsShownMax = 5

/** A running watch. */
export interface Watch {
  /** Resolves when the whole folder is watched, as far as it can be. */
  readonly ready: Promise<void>
  close(): void
}

/** Places that cannot be watched for the same reason. */
export interface Unwatched {
  readonly code: string
  /** The first ones, relative to the folder; `.` is the folder itself. */
  readonly paths: readonly string[]
  readonly count: number
  /** Advice for the user. */
  readonly hint: string
}

/** Options of a watch. */
export interface WatchOptions {
  readonly folder: string
  /** Called with the changed paths, the last one last, after 200 ms without further changes. */
  readonly onChange: (paths: readonly string[]) => void
  /** True for paths that are not watched at all, with all that is below them. */
  readonly isIgnored?: (path: string) => boolean
  /** False for paths whose changes do not count; asked at each change. */
  readonly isWanted?: (path: string) => boolean
  /** Called once for each reason and burst with what cannot be watched; the rest stays watched. */
  readonly onUnwatched: (what: Unwatched) => void
  readonly clock?: Clock
}

/** Watches a folder with everything below it. */
export function watchFolder(options: WatchOptions): Watch {
  const {
    folder,
    onChange,
    onUnwatched,
    isIgnored = () => false,
    isWanted = () => true,
    clock = systemClock,
  } = options
  const relativeTo = (path: string) => relative(folder, path).split(sep).join('/') || '.'
  const changes = new Quiet<string>(clock, (paths) => onChange([...new Set(paths)]))
  const faults = new Quiet<WatchFault>(clock, (all) => {
    for (const what of grouped(all, relativeTo)) onUnwatched(what)
  })
  const tree = new FolderTree({
    root: folder,
    isIgnored: (path) => ignored.test(relativeTo(path)) || isIgnored(relativeTo(path)),
    onChange: (path) => {
      const changed = relativeTo(path)
      if (isWanted(changed)) changes.add(changed)
    },
    onFault: (fault) => faults.add(fault),
  })
  return {
    ready: tree.ready,
    close: () => {
      changes.close()
      faults.close()
      tree.close()
    },
  }
}

/** Collects items that come in bursts and hands them on after a quiet time. */
class Quiet<T> {
  readonly #clock: Clock
  readonly #onQuiet: (all: readonly T[]) => void
  #all: T[] = []
  #timer: Timer | undefined

  constructor(clock: Clock, onQuiet: (all: readonly T[]) => void) {
    this.#clock = clock
    this.#onQuiet = onQuiet
  }

  add(one: T): void {
    this.#all.push(one)
    this.#timer?.clear()
    this.#timer = this.#clock.timer(quietMs, () => this.#onQuiet(this.#all.splice(0)), { unref: true })
  }

  close(): void {
    this.#timer?.clear()
  }
}

function grouped(faults: readonly WatchFault[], relativeTo: (path: string) => string): readonly Unwatched[] {
  const codes = new Set(faults.map(({ code }) => code))
  return [...codes].map((code) => {
    const all = faults.filter((fault) => fault.code === code)
    const paths = all.slice(0, pathsShownMax).map(({ path }) => relativeTo(path))
    return { code, paths, count: all.length, hint: hintOf(code) }
  })
}

function hintOf(code: string): string {
  if (code === 'ENOSPC')
    return 'Raise fs.inotify.max_user_watches (sysctl), or keep big folders out of this one.'
  if (code === 'EMFILE' || code === 'ENFILE')
    return 'Raise fs.inotify.max_user_instances (sysctl) or the limit of open files (ulimit -n).'
  if (code === 'TOO_MANY')
    return 'Only the first 20,000 folders are watched: start rr dev in a smaller folder.'
  if (code === 'EACCES' || code === 'EPERM')
    return 'Make it readable for this user, if workers use what is in it.'
  return 'Changes there go unseen: restart the workers with `rr reset`.'
}
