/** Logs each control action: what was asked for, through which socket, and who the client claims to be. */

import type { ClaimedIdentity, RpcCaller } from '../../ipc/rpc/connection.js'
import type { Logger } from '../../logging/logger.js'

/** A control action that was asked for. */
export interface ControlAction {
  /** The method, e.g. `resetter.Reset`. */
  readonly command: string
  readonly argument: unknown
  readonly caller: RpcCaller
}

const textCharactersMax = 64
// Linux's own limit of pids.
const pidMax = 2 ** 22

/** Logs an action before it is done. Node cannot read who is at the other end of a socket, so the client's identity is a claim. */
export function audit(log: Logger, { command, argument, caller }: ControlAction): void {
  const { socket, claimed } = caller
  log.info(
    {
      socket,
      command,
      ...(typeof argument === 'string' ? { argument: cleanText(argument) } : {}),
      claimed_pid: claimed?.pid ?? null,
      claimed_user: claimed?.user ?? null,
    },
    'control action',
  )
}

/** Returns a client's claimed identity, shortened and cleaned; values that are not a pid or a name are left out. */
export function claimedIdentity(argument: unknown): ClaimedIdentity {
  const { pid, user } = (typeof argument === 'object' && argument !== null ? argument : {}) as {
    readonly pid?: unknown
    readonly user?: unknown
  }
  const isPid = typeof pid === 'number' && Number.isInteger(pid) && pid > 0 && pid <= pidMax
  const name = typeof user === 'string' ? cleanText(user) : ''
  return { pid: isPid ? pid : undefined, user: name === '' ? undefined : name }
}

function cleanText(text: string): string {
  return text.slice(0, textCharactersMax).replace(/[\p{C}\p{Zl}\p{Zp}]/gu, '?')
}
