/**
 * SnapStart: the environment is snapshotted once its workers are warm, and every copy begins behind `restore/next`. Workers that
 * announced it are asked before and after, because what a copy shares with all others (random seeds, connections, clocks) is theirs.
 */
import { ErrorCode, type Logger, messageOf, type Pool, RelayError } from '../../../index.js'
import type { RuntimeClient } from '../runtime-api/client.js'

/** Parts of a snapshot. */
export interface SnapStartOptions {
  readonly pool: Pool
  readonly client: RuntimeClient
  readonly log: Logger
  readonly nowMs: () => number
}

// Lambda gives the whole restore, hooks included, 10 s.
const hookMsMax = 9500

/** AWS's own names of what may go wrong. */
const HookFault = { before: 'Runtime.BeforeSnapshotError', after: 'Runtime.AfterRestoreError' } as const

/** True when Lambda will take a snapshot of this environment. */
export function isSnapStart(env: Readonly<Record<string, string | undefined>>): boolean {
  return env.AWS_LAMBDA_INITIALIZATION_TYPE === 'snap-start'
}

/**
 * Waits for the workers, for the snapshot, and for the restore. Rejects with RR_SNAPSHOT_HOOK after a hook that failed (Lambda
 * has been told), and with RR_RUNTIME_API.
 */
export async function takeSnapshot({ pool, client, log, nowMs }: SnapStartOptions): Promise<void> {
  // All of them: a worker that boots after the snapshot boots anew in every copy.
  await pool.booted
  const hook = async (phase: keyof typeof HookFault, tell: (body: string, type: string) => Promise<void>) => {
    try {
      return await pool.ask('snapshot', { snapshot: phase }, { deadlineMs: nowMs() + hookMsMax })
    } catch (error) {
      const errorType = HookFault[phase]
      await tell(JSON.stringify({ errorType, errorMessage: messageOf(error), stackTrace: [] }), errorType)
      throw new RelayError(
        ErrorCode.SnapshotHook,
        `a worker's ${phase} hook of SnapStart failed: ${messageOf(error)}`,
        {
          hint: 'The server exits. Look at the worker’s own lines just before.',
          cause: error,
        },
      )
    }
  }
  const asked = await hook('before', (body, type) => client.failInit(body, type))
  log.info({ workers: asked }, 'ready for the snapshot')
  await client.restoreNext()
  await hook('after', (body, type) => client.failRestore(body, type))
  log.info({ workers: asked }, 'restored from the snapshot')
}
