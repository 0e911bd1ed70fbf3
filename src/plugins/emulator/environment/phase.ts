/**
 * The life of an execution environment: its phases, the events in each, and the step that follows. A total table without
 * I/O; `execution-environment.ts` carries out its actions.
 */

/**
 * `cold`: no process, a first start has a time of its own. `reset`: no process, the next start counts as part of its event.
 * `snapshotted`: SnapStart. `resting`: frozen, unless freezing is switched off.
 */
export type Phase =
  | 'cold'
  | 'init'
  | 'snapshotted'
  | 'restoring'
  | 'live'
  | 'resting'
  | 'reset'
  | 'again'
  | 'spinning-down'
  | 'resetting'
  | 'closing'
  | 'closed'

/** Events in the life of an environment. */
export type Happening =
  | 'event'
  | 'warm'
  | 'init-over'
  | 'snapshot'
  | 'init-late'
  | 'quiet'
  | 'timeout'
  | 'exit'
  | 'fault'
  | 'idle-late'
  | 'stop'
  | 'gone'

/** Actions of a step. `start-clock`: the event's own time begins. `tell-fault`: the events in hand fail. */
export type Act =
  | 'start'
  | 'start-clock'
  | 'report-init'
  | 'report-failed-init'
  | 'freeze'
  | 'thaw'
  | 'restore'
  | 'hand-out'
  | 'tell-fault'
  | 'kill'
  | 'time-out'
  | 'fail'
  | 'spin-down'

/** The next phase, and the actions on the way to it, in order. */
export interface Step {
  readonly to: Phase
  readonly acts: readonly Act[]
}

type Row = Readonly<Record<Happening, Step>>

const happenings: readonly Happening[] = [
  'event',
  'warm',
  'init-over',
  'snapshot',
  'init-late',
  'quiet',
  'timeout',
  'exit',
  'fault',
  'idle-late',
  'stop',
  'gone',
]

/** Makes a row of the table; events that it does not name change nothing. */
function row(phase: Phase, cells: Partial<Row>): Row {
  const cellOf = (happening: Happening): Step => cells[happening] ?? { to: phase, acts: [] }
  return Object.fromEntries(happenings.map((one) => [one, cellOf(one)])) as Row
}

const step = (to: Phase, ...acts: readonly Act[]): Step => ({ to, acts })

const table: Readonly<Record<Phase, Row>> = {
  cold: row('cold', {
    event: step('init', 'start'),
    warm: step('init', 'start'),
    stop: step('closed'),
  }),
  // The failure of a first start is not reported: the start is repeated for the waiting event, or the next one.
  init: row('init', {
    'init-over': step('live', 'report-init', 'hand-out'),
    snapshot: step('snapshotted', 'report-init', 'freeze'),
    'init-late': step('resetting', 'report-failed-init', 'kill'),
    exit: step('resetting', 'report-failed-init', 'kill'),
    fault: step('resetting', 'report-failed-init', 'kill'),
    stop: step('closing', 'spin-down'),
  }),
  snapshotted: row('snapshotted', {
    event: step('restoring', 'thaw', 'restore'),
    exit: step('resetting', 'kill'),
    fault: step('resetting', 'kill'),
    stop: step('closing', 'thaw', 'spin-down'),
  }),
  restoring: row('restoring', {
    'init-over': step('live', 'report-init', 'hand-out'),
    'init-late': step('resetting', 'report-failed-init', 'tell-fault', 'kill'),
    exit: step('resetting', 'report-failed-init', 'tell-fault', 'kill'),
    fault: step('resetting', 'report-failed-init', 'tell-fault', 'kill'),
    stop: step('closing', 'spin-down'),
  }),
  live: row('live', {
    quiet: step('resting', 'freeze'),
    timeout: step('resetting', 'time-out'),
    exit: step('resetting', 'tell-fault', 'kill'),
    fault: step('resetting', 'tell-fault', 'fail'),
    stop: step('closing', 'spin-down'),
  }),
  resting: row('resting', {
    event: step('live', 'thaw', 'hand-out'),
    exit: step('resetting', 'kill'),
    fault: step('resetting', 'kill'),
    'idle-late': step('spinning-down', 'thaw', 'spin-down'),
    stop: step('closing', 'thaw', 'spin-down'),
  }),
  reset: row('reset', {
    event: step('again', 'start', 'start-clock'),
    warm: step('init', 'start'),
    stop: step('closed'),
  }),
  again: row('again', {
    'init-over': step('live', 'report-init', 'hand-out'),
    // A copy that was never snapshotted is awake at once.
    snapshot: step('again', 'restore'),
    timeout: step('resetting', 'report-failed-init', 'time-out'),
    exit: step('resetting', 'report-failed-init', 'tell-fault', 'kill'),
    fault: step('resetting', 'report-failed-init', 'tell-fault', 'kill'),
    stop: step('closing', 'spin-down'),
  }),
  'spinning-down': row('spinning-down', { gone: step('cold'), stop: step('closing') }),
  resetting: row('resetting', { gone: step('reset'), stop: step('closing') }),
  closing: row('closing', { gone: step('closed') }),
  closed: row('closed', {}),
}

/** Looks up the step that follows. */
export function stepOf(phase: Phase, happening: Happening): Step {
  return table[phase][happening]
}

/** True for phases whose start has a limit of its own, apart from that of the event. */
export function hasInitLimit(phase: Phase): boolean {
  return phase === 'init' || phase === 'restoring'
}
