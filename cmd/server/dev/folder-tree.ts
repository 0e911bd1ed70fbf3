/**
 * Watches a folder and all folders below it, one watch a folder. A folder is known by its real path, so links are followed
 * and a circle of them ends where it began; a link that is pointed elsewhere (a Kubernetes ConfigMap's `..data`, a release's
 * `current`) is a change, and its new target is watched. Reports what cannot be watched, and watches the rest.
 */
import { type FSWatcher, watch } from 'node:fs'
import { lstat, readdir, realpath, stat } from 'node:fs/promises'
import { basename, dirname, join, sep } from 'node:path'

/** A place that cannot be watched. */
export interface WatchFault {
  readonly path: string
  /** Node's code, or `TOO_MANY`. */
  readonly code: string
}

/** Options of a watched folder tree. */
export interface FolderTreeOptions {
  /** Root as the caller gave it: symbolic links in its path are watched as well. */
  readonly root: string
  readonly isIgnored: (path: string) => boolean
  readonly onChange: (path: string) => void
  /** Called once for each place that cannot be watched. */
  readonly onFault: (fault: WatchFault) => void
}

// One inotify watch each; the kernel grants a user 8,192 or more by default.
const foldersMax = 20_000

interface Folder {
  /** Path by which the folder was reached from the root. */
  readonly path: string
  readonly watcher: FSWatcher
  /** Targets of the links in it, by name: a link with a new target is followed again. */
  readonly links: Map<string, string>
  /** True after a removal or rename: the watch is on the old inode, even if another folder has the name now. */
  isStale: boolean
}

type OnEvent = (type: string, name: string | null) => void

/** The watched folders of one root. */
export class FolderTree {
  /** Resolves when everything that was there at the start is watched. */
  readonly ready: Promise<void>
  readonly #options: FolderTreeOptions
  readonly #folders = new Map<string, Folder>()
  /** Files out of the tree that links lead to, and links in the root's own path, by their paths. */
  readonly #others = new Map<string, FSWatcher>()
  readonly #told = new Set<string>()
  /** Real paths of folders that something came to or went from. */
  readonly #changed = new Set<string>()
  /** Scans of the disk run one after the other: two at once would both add a new folder. */
  #work: Promise<void>
  #isClosed = false

  constructor(options: FolderTreeOptions) {
    this.#options = options
    this.#work = this.#add(options.root).then(() => this.#watchRootLinks())
    this.ready = this.#work
  }

  close(): void {
    this.#isClosed = true
    this.#forgetFolders()
    for (const watcher of this.#others.values()) watcher.close()
    this.#others.clear()
  }

  async #add(path: string): Promise<void> {
    const real = await this.#try(path, () => realpath(path))
    if (real === undefined || this.#isClosed || this.#folders.has(real)) return
    if (this.#folders.size >= foldersMax) {
      this.#tell({ path: this.#options.root, code: 'TOO_MANY' })
      return
    }
    // Watch first, then read: a file made in between is then seen at least once.
    const watcher = await this.#watch(path, (type, name) => this.#onEvent(real, type, name))
    if (watcher === undefined) return
    this.#folders.set(real, { path, watcher, links: new Map(), isStale: false })
    await this.#scan(real)
  }

  /** Adds the folders that one holds, and what links in it lead to. */
  async #scan(real: string): Promise<void> {
    const folder = this.#folders.get(real)
    if (folder === undefined) return
    const entries = await this.#try(folder.path, () => readdir(folder.path, { withFileTypes: true }))
    for (const entry of entries ?? []) {
      const path = join(folder.path, entry.name)
      if (this.#isClosed || this.#options.isIgnored(path)) continue
      if (entry.isDirectory()) await this.#add(path)
      else if (entry.isSymbolicLink()) await this.#follow(folder, entry.name)
    }
  }

  async #follow(folder: Folder, name: string): Promise<void> {
    const path = join(folder.path, name)
    // A link without a target, or to itself, has nothing to watch.
    const real = await quietly(realpath(path))
    if (real === undefined || folder.links.get(name) === real) return
    folder.links.set(name, real)
    const target = await quietly(stat(path))
    if (target?.isDirectory() === true) await this.#add(path)
    // A file in the tree is seen anyway.
    else if (target?.isFile() === true && !this.#folders.has(dirname(real)))
      await this.#watchOther(real, real, () => this.#options.onChange(path))
  }

  /** Links in the root's own path, such as `current` of a release: when one is pointed elsewhere all is read anew. */
  async #watchRootLinks(): Promise<void> {
    const parts = this.#options.root.split(sep)
    for (let count = 2; count <= parts.length; count += 1) {
      const path = parts.slice(0, count).join(sep)
      const found = await quietly(lstat(path))
      if (found?.isSymbolicLink() !== true) continue
      await this.#watchOther(path, dirname(path), (_type, name) => {
        if (name === null || name === basename(path)) this.#renew(path)
      })
    }
  }

  async #watchOther(key: string, path: string, onEvent: OnEvent): Promise<void> {
    if (this.#others.has(key)) return
    const watcher = await this.#watch(path, onEvent)
    if (watcher !== undefined) this.#others.set(key, watcher)
  }

  #onEvent(real: string, type: string, name: string | null): void {
    const folder = this.#folders.get(real)
    if (folder === undefined || this.#isClosed) return
    const path = name === null ? folder.path : join(folder.path, name)
    if (this.#options.isIgnored(path)) return
    this.#options.onChange(path)
    if (type !== 'rename') return
    // The end of a folder comes under its own name, from its own watch.
    if (name === basename(real)) folder.isStale = true
    this.#changed.add(real)
    this.#then(() => this.#refresh())
  }

  /** Drops folders that were removed or replaced, and looks for new ones. */
  async #refresh(): Promise<void> {
    for (const real of [...this.#changed]) {
      this.#changed.delete(real)
      for (const [one, folder] of [...this.#folders]) {
        if (one !== real && dirname(one) !== real) continue
        const now = folder.isStale ? undefined : await quietly(realpath(folder.path))
        if (now !== one) this.#forget(one)
      }
      if (this.#folders.has(real)) await this.#scan(real)
      else await this.#scanNearest(real)
    }
  }

  /** Scans the nearest folder that still exists: a removed folder may be back already, without a second notification. */
  async #scanNearest(gone: string): Promise<void> {
    for (let path = dirname(gone); path !== dirname(path); path = dirname(path)) {
      if (this.#folders.has(path)) return this.#scan(path)
    }
    await this.#add(this.#options.root)
  }

  #renew(link: string): void {
    this.#options.onChange(link)
    this.#then(async () => {
      this.#forgetFolders()
      await this.#add(this.#options.root)
    })
  }

  #forget(real: string): void {
    for (const [one, { watcher }] of [...this.#folders]) {
      if (one !== real && !one.startsWith(`${real}${sep}`)) continue
      watcher.close()
      this.#folders.delete(one)
    }
  }

  #forgetFolders(): void {
    for (const { watcher } of this.#folders.values()) watcher.close()
    this.#folders.clear()
  }

  #then(act: () => Promise<void>): void {
    this.#work = this.#work.then(() => (this.#isClosed ? undefined : act()))
  }

  async #watch(path: string, onEvent: OnEvent): Promise<FSWatcher | undefined> {
    const watcher = await this.#try(path, async () => watch(path, { persistent: false }, onEvent))
    watcher?.on('error', (error) => this.#tell({ path, code: codeOf(error) }))
    if (!this.#isClosed) return watcher
    watcher?.close()
    return undefined
  }

  /** Runs `act` and reports its failure, unless the path was removed in the meantime. */
  async #try<T>(path: string, act: () => Promise<T>): Promise<T | undefined> {
    try {
      return await act()
    } catch (error) {
      const code = codeOf(error)
      if (code !== 'ENOENT' && code !== 'ENOTDIR') this.#tell({ path, code })
      return undefined
    }
  }

  #tell(fault: WatchFault): void {
    const key = `${fault.code} ${fault.path}`
    if (this.#told.has(key) || this.#isClosed) return
    this.#told.add(key)
    this.#options.onFault(fault)
  }
}

/** Resolves to undefined when `work` fails. */
function quietly<T>(work: Promise<T>): Promise<T | undefined> {
  return work.catch(() => undefined)
}

function codeOf(error: unknown): string {
  return typeof error === 'object' && error !== null && 'code' in error ? String(error.code) : String(error)
}
