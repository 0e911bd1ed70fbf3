/** An extension's states, as the Extensions API sees them, and the state after each call. */

/** State of an extension. `lost`: it waited, and its connection has gone. */
export type ExtensionState = 'registered' | 'waiting' | 'running' | 'lost' | 'failed'

/** Calls of an extension once it is registered. */
export type ExtensionCall = 'next' | 'init-error' | 'exit-error'

type Cell = ExtensionState | 'refused'

const table: Readonly<Record<ExtensionState, Readonly<Record<ExtensionCall, Cell>>>> = {
  registered: { next: 'waiting', 'init-error': 'failed', 'exit-error': 'failed' },
  waiting: { next: 'waiting', 'init-error': 'refused', 'exit-error': 'failed' },
  running: { next: 'waiting', 'init-error': 'refused', 'exit-error': 'failed' },
  lost: { next: 'waiting', 'init-error': 'refused', 'exit-error': 'failed' },
  failed: { next: 'refused', 'init-error': 'refused', 'exit-error': 'refused' },
}

/** The state after a call; `refused`: 403. */
export function afterExtensionCall(state: ExtensionState, call: ExtensionCall): Cell {
  return table[state][call]
}

/** True for a state in which an extension delays no event. */
export function isAtRest(state: ExtensionState): boolean {
  return state === 'waiting' || state === 'lost'
}
