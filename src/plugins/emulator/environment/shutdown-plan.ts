/** Plans the time limits of an environment's end from the kinds of extensions that registered. Pure. */
import { unreachable } from '../../../index.js'
import type { ShutdownReason } from '../function/extensions.js'

/** Time limits in ms; AWS's sources disagree about the runtime's share, so all are settings. */
export interface ShutdownBudgets {
  /** Ms from SIGTERM to SIGKILL for the runtime, where an event failed or external extensions take their share. */
  readonly runtimeMs: number
  /** Total when only the runtime itself registered. */
  readonly internalMs: number
  /** Total with an external extension. */
  readonly externalMs: number
}

/** Time limits that AWS documents. */
export const defaultBudgets: ShutdownBudgets = { runtimeMs: 300, internalMs: 500, externalMs: 2000 }

/** First the runtime gets SIGTERM and its time, then external extensions get SHUTDOWN and theirs, then SIGKILL. 0: none of it. */
export interface ShutdownPlan {
  readonly runtimeMs: number
  readonly extensionsMs: number
}

/** Makes the plan. Without an extension there is no SIGTERM. */
export function shutdownPlan(
  reason: ShutdownReason,
  kind: 'none' | 'internal' | 'external',
  budgets: ShutdownBudgets,
): ShutdownPlan {
  const { runtimeMs, internalMs, externalMs } = budgets
  switch (kind) {
    case 'none':
      return { runtimeMs: 0, extensionsMs: 0 }
    case 'internal':
      return { runtimeMs: reason === 'SPINDOWN' ? internalMs : runtimeMs, extensionsMs: 0 }
    case 'external': {
      const share = Math.min(runtimeMs, externalMs)
      return { runtimeMs: share, extensionsMs: externalMs - share }
    }
    default:
      return unreachable(kind)
  }
}
