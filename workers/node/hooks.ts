/** Hooks between jobs, and their announcement: the server sends nothing that the worker did not announce. */

import { type Frame, FrameFlag } from '../../src/ipc/frame.js'
import type { Relay } from '../../src/ipc/relay.js'
import type { JobContext } from './context.js'

/** Functions that are called between jobs, or in the handler's place; each may be absent. */
export interface Hooks {
  /**
   * Lambda froze the environment for `gapMs` (5 s or more): connections may have been closed by the other side. Runs before the
   * event that ended the freeze; what it throws is logged and fails nothing.
   */
  readonly onThaw?: (gapMs: number) => unknown
  /** Called before SnapStart takes the snapshot of this process. An error thrown here fails the initialisation. */
  readonly beforeSnapshot?: () => unknown
  /** Called in a process that was restored from a snapshot: reseed, reconnect. An error thrown here fails the restore. */
  readonly afterRestore?: () => unknown
  /**
   * Called in the handler's place with a record that the server gave up (`failed: worker` of `lambda` or `jobs`): it must not run again, but what hangs on it
   * can be settled. Its result settles the record. Without it no such record is sent.
   */
  readonly onGivenUp?: (body: Buffer, context: JobContext) => unknown
}

/** A control message of the server's. */
export interface ControlMessage {
  /** True for a message that asks for the worker's PID reply. */
  readonly asksPid: boolean
  readonly asksStop: boolean
  /** Time in ms that Lambda froze the environment, after a thaw. */
  readonly gapMs: number | undefined
  readonly snapshot: 'before' | 'after' | undefined
  /** Number of the job that is to end. */
  readonly cancels: string | undefined
}

/** Reads a control message. Ignores unknown members and those of another type; throws when it is not JSON. */
export function readControl(payload: Buffer): ControlMessage {
  const { pid, stop, thaw, snapshot, cancel } = membersOf(JSON.parse(payload.toString('utf8')))
  return {
    asksPid: pid !== undefined,
    asksStop: stop === true,
    gapMs: thaw === undefined ? undefined : Number(membersOf(thaw).gap_ms),
    snapshot: snapshot === undefined ? undefined : snapshot === 'before' ? 'before' : 'after',
    cancels: cancel === undefined ? undefined : String(membersOf(cancel).jobId),
  }
}

function membersOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? { ...value } : {}
}

/** The features to announce in the PID reply. */
export function featuresOf({ onThaw, beforeSnapshot, afterRestore, onGivenUp }: Hooks): readonly string[] {
  const takesPart = beforeSnapshot !== undefined || afterRestore !== undefined
  return [
    ...(onThaw === undefined ? [] : ['thaw']),
    ...(takesPart ? ['snapshot'] : []),
    ...(onGivenUp === undefined ? [] : ['given_up']),
  ]
}

/** Runs what a message asks for; a snapshot's is answered with the message, or an ERROR frame. Rejects with what `onThaw` throws. */
export async function runHook(
  relay: Relay,
  hooks: Hooks,
  message: ControlMessage,
  frame: Frame,
): Promise<void> {
  if (message.gapMs !== undefined) await hooks.onThaw?.(message.gapMs)
  if (message.snapshot === undefined) return
  const answer = Buffer.from(frame.payload)
  try {
    await (message.snapshot === 'before' ? hooks.beforeSnapshot?.() : hooks.afterRestore?.())
    relay.send({ flags: FrameFlag.control, options: [], head: answer })
  } catch (error) {
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error)
    relay.send({ flags: FrameFlag.error, options: [], head: text })
  }
}
