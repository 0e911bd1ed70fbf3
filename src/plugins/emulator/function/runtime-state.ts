/**
 * The runtime's states, as the Runtime API sees them, and the state after each call. For one event at a time: under Managed
 * Instances each event has a state of its own (`function-state.ts`).
 */

/** State of the runtime. `broken`: its answer was cut off. `refused`: it asked for a response mode that does not exist. */
export type RuntimeState =
  | 'starting'
  | 'snapshot'
  | 'restored'
  | 'polling'
  | 'running'
  | 'answering'
  | 'answered'
  | 'broken'
  | 'refused'
  | 'failed'

/** Calls of a runtime. `answer` is a response or an error for the event in hand. */
export type RuntimeCall = 'next' | 'answer' | 'init-error' | 'restore-next' | 'restore-error'

/** Result for a call that the runtime's state does not allow: status 403. */
export const refused = 'refused-call'

type Row = Readonly<Record<RuntimeCall, RuntimeState | typeof refused>>

const no = refused

const table: Readonly<Record<RuntimeState, Row>> = {
  starting: row('polling', no, 'failed', 'snapshot', no),
  // Asked again when its connection was lost.
  snapshot: row(no, no, 'failed', 'snapshot', no),
  // Until the first event is asked for, an init error counts as a restore error.
  restored: row('polling', no, 'failed', no, 'failed'),
  polling: row('polling', no, no, no, no),
  // Asking again hands out the same event.
  running: row('running', 'answering', no, no, no),
  answering: row('answering', no, no, no, no),
  answered: row('polling', no, no, no, no),
  broken: row('broken', no, no, no, no),
  refused: row(no, no, no, no, no),
  failed: row(no, no, no, no, no),
}

function row(...cells: readonly [Row['next'], Row['next'], Row['next'], Row['next'], Row['next']]): Row {
  const [next, answer, initError, restoreNext, restoreError] = cells
  return {
    next,
    answer,
    'init-error': initError,
    'restore-next': restoreNext,
    'restore-error': restoreError,
  }
}

/** Returns the state after a call, or `refused`. */
export function afterCall(state: RuntimeState, call: RuntimeCall): RuntimeState | typeof refused {
  return table[state][call]
}
