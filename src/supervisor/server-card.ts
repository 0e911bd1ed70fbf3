/**
 * The card of a running server, `server.json` in its private folder: which process it is and what it serves. For commands
 * that the server itself does not answer, and for sweeps. Never holds configuration or environment.
 */
import { closeSync, fstatSync, openSync, readSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { isSameProcess, readProcessState } from './machine/process-state.js'
import type { ServerIdentity } from './private-folder.js'

/** What the card says. */
export interface ServerCard {
  readonly pid: number
  /** Undefined where the system does not tell. */
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
  // A new file: one that is there may belong to a reader, or be a link.
  rmSync(file, { force: true })
  writeFileSync(file, `${JSON.stringify(card)}\n`, { mode: ownerOnly, flag: 'wx' })
}

/** The card in a folder; undefined when there is none that can be read. */
export function readCard(folder: string): ServerCard | undefined {
  try {
    return cardOf(JSON.parse(readBounded(join(folder, cardName))))
  } catch {
    // Missing, half written or no JSON: the server is one that nothing is known of.
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
