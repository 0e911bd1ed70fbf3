/**
 * Reads and writes `server.json` in a server's private folder: its process and what it serves. Commands read it when the
 * server does not answer, and so do starts that clean up after other servers. It never holds configuration or environment.
 */
import { closeSync, fstatSync, openSync, readSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { isSameProcess, readProcessState } from '../machine/process-state.js'
import type { ServerIdentity } from './private-folder.js'

/** Content of `server.json`. */
export interface ServerCard {
  readonly pid: number
  /** Start time in clock ticks; undefined where the system does not provide it. */
  readonly startTicks: number | undefined
  /** The configuration file as it was given, or the working directory. */
  readonly path: string
  /** `rpc.listen`; empty when it is not set. */
  readonly listen: string
  readonly version: string
}

/** The card's file name. */
export const cardName = 'server.json'

const ownerOnly = 0o600
const cardBytesMax = 64 * 1024

/** Writes the card of this process. */
export function writeCard(folder: string, { path, listen }: ServerIdentity, version: string): void {
  const startTicks = readProcessState(process.pid)?.startTicks
  const card: ServerCard = { pid: process.pid, startTicks, path, listen, version }
  const file = join(folder, cardName)
  // Always a new file: an existing one may be open in a reader, or be a link.
  rmSync(file, { force: true })
  writeFileSync(file, `${JSON.stringify(card)}\n`, { mode: ownerOnly, flag: 'wx' })
}

/** Reads the card in a folder; undefined when there is none or it is unreadable. */
export function readCard(folder: string): ServerCard | undefined {
  try {
    return cardOf(JSON.parse(readBounded(join(folder, cardName))))
  } catch {
    // Missing, half written or not JSON: nothing is known of the server.
    return undefined
  }
}

/** True when the process that wrote the card still lives. */
export function isCardAlive({ pid, startTicks }: ServerCard): boolean {
  return isSameProcess(pid, startTicks)
}

function readBounded(file: string): string {
  const descriptor = openSync(file, 'r')
  try {
    const { size } = fstatSync(descriptor)
    const bytes = Buffer.alloc(Math.min(size, cardBytesMax))
    return bytes.toString('utf8', 0, readSync(descriptor, bytes, 0, bytes.length, 0))
  } finally {
    closeSync(descriptor)
  }
}

function cardOf(value: unknown): ServerCard | undefined {
  if (typeof value !== 'object' || value === null) return undefined
  const { pid, startTicks, path, listen, version } = value as Readonly<Record<string, unknown>>
  const isWhole = typeof path === 'string' && typeof listen === 'string' && typeof version === 'string'
  if (!isWhole || typeof pid !== 'number' || !Number.isSafeInteger(pid) || pid < 1) return undefined
  return { pid, startTicks: typeof startTicks === 'number' ? startTicks : undefined, path, listen, version }
}
