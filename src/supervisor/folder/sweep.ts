/**
 * Removes what ended servers left in `/tmp/rr-UID` and `/tmp/rr-UID-relay`: our folders and links by their names, and in them our
 * files by theirs. Called under the start lock, so that it never runs during a start.
 */
import { lstatSync, readdirSync, readlinkSync, rmdirSync, rmSync, type Stats } from 'node:fs'
import { basename, join } from 'node:path'
import { probeUnix } from '../../ipc/listen.js'
import { isCardAlive, readCard } from './card.js'
import { controlSocketName, folderNamePattern, relayRootPath, rootFolderPath } from './private-folder.js'

/** Options of a sweep. */
export interface SweepOptions {
  readonly uid: number
  /** The folder of the server that sweeps. */
  readonly own: string
  /** Link to the folder, when there is one. */
  readonly ownAlias: string | undefined
  readonly nowMs: number
}

// A start checks at most this many other folders; the next start continues.
const foldersMax = 256
// An empty folder may belong to an older version that is starting now, without the lock.
const emptyMsMin = 10_000
const ownFiles = /^(rpc\.sock|worker\.sock|server\.json|(fifo|watchdog)-\d+-\d+)$/
const relayFiles = /^\d+\.sock$/
const startNotes = /^\.starting-(\d+)-[0-9a-f]+$/

/** True when a process listens on the folder's control socket, or the process that took the folder lives. */
export async function isServerLive(folder: string): Promise<boolean> {
  if ((await probeUnix(join(folder, controlSocketName))) === 'live') return true
  const card = readCard(folder)
  return card !== undefined && isCardAlive(card)
}

/** Removes our files in a folder; other files stay. */
export function clearFolder(folder: string): void {
  removeFiles(folder, ownFiles)
}

/** Sweeps both folders of a user. Never touches files of live servers or with other names than ours. */
export async function sweepFolders(options: SweepOptions): Promise<void> {
  const root = rootFolderPath(options.uid)
  for (const name of ourNames(root)) await sweepEntry(join(root, name), options)
  for (const note of namesIn(root).filter((one) => startNotes.test(one))) sweepNote(join(root, note), options)
  const relayRoot = relayRootPath(options.uid)
  for (const name of ourNames(relayRoot)) {
    if (statOf(join(root, name)) === undefined) sweepRelayFolder(join(relayRoot, name), options.uid)
  }
}

async function sweepEntry(path: string, { uid, own, ownAlias, nowMs }: SweepOptions): Promise<void> {
  const stat = statOf(path)
  if (stat === undefined || stat.uid !== uid || path === own || path === ownAlias) return
  if (stat.isSymbolicLink()) {
    // A link to this server by a path that has another target now, or a link to an ended server.
    if (readlinkSync(path) === basename(own) || !(await isServerLive(path))) rmSync(path, { force: true })
    return
  }
  if (!stat.isDirectory() || (await isServerLive(path))) return
  if (namesIn(path).length === 0 && nowMs - stat.mtimeMs < emptyMsMin) return
  clearFolder(path)
  removeIfEmpty(path)
}

/** Note left by a start that was killed half-way. */
function sweepNote(path: string, { nowMs }: SweepOptions): void {
  const stat = statOf(path)
  if (stat !== undefined && nowMs - stat.mtimeMs > emptyMsMin) rmSync(path, { force: true })
}

function sweepRelayFolder(path: string, uid: number): void {
  const stat = statOf(path)
  if (stat === undefined || !stat.isDirectory() || stat.uid !== uid) return
  removeFiles(path, relayFiles)
  removeIfEmpty(path)
}

function removeFiles(folder: string, names: RegExp): void {
  for (const name of namesIn(folder)) {
    const path = join(folder, name)
    if (names.test(name) && statOf(path)?.isDirectory() === false) rmSync(path, { force: true })
  }
}

function ourNames(folder: string): readonly string[] {
  return namesIn(folder)
    .filter((name) => folderNamePattern.test(name))
    .slice(0, foldersMax)
}

function namesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder)
  } catch {
    // It was removed, or never made.
    return []
  }
}

function statOf(path: string): Stats | undefined {
  try {
    return lstatSync(path)
  } catch {
    // It was removed.
    return undefined
  }
}

function removeIfEmpty(folder: string): void {
  try {
    rmdirSync(folder)
  } catch {
    // It holds a file that is not ours: it stays.
  }
}
