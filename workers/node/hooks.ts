/** Hooks between jobs, and their announcement: the server sends nothing that the worker did not announce. */
import { type Frame, FrameFlag } from '../../src/ipc/frame.js'
import type { Relay } from '../../src/ipc/relay.js'

/** Functions that are called between jobs; each may be absent. */
export interface Hooks {
  /**
   * Lambda froze the environment for `gapMs` (5 s or more): connections may have been closed by the other side. Runs before the
   * event that ended the freeze; what it throws is logged and fails nothing.
   */
  readonly onThaw?: (gapMs: number) => unknown
  /** SnapStart is about to photograph this process. What it throws fails the initialisation. */
  readonly beforeSnapshot?: () => unknown
  /** Called in a process that was restored from a snapshot: reseed, reconnect. An error thrown here fails the restore. */
  readonly afterRestore?: () => unknown
}

/** A control message of the server's, as far as hooks are concerned. */
export interface HookMessage {
  readonly thaw?: { readonly gap_ms?: unknown }
  readonly snapshot?: unknown
}

/** The features to announce in the PID reply. */
export function featuresOf({ onThaw, beforeSnapshot, afterRestore }: Hooks): readonly string[] {
  const takesPart = beforeSnapshot !== undefined || afterRestore !== undefined
  return [...(onThaw === undefined ? [] : ['thaw']), ...(takesPart ? ['snapshot'] : [])]
}

/** Runs what a message asks for; a snapshot's is answered with the message, or an ERROR frame. Rejects with what `onThaw` throws. */
export async function runHook(relay: Relay, hooks: Hooks, message: HookMessage, frame: Frame): Promise<void> {
  if (message.thaw !== undefined) await hooks.onThaw?.(Number(message.thaw.gap_ms))
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
