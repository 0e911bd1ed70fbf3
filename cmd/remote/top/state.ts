/** Choices of the operator on the screen, and how keys change them. Pure: `top.ts` does what a key asks for. */
import { unreachable } from '../../../src/core/assert.js'
import type { LiveDocument, LiveQueue, LiveWorker } from '../../../src/supervisor/live/document.js'
import type { Rates } from './rates.js'

/** Columns by which workers can be sorted. */
const sorts = ['STATE', 'PID', 'POOL', 'FOR', 'JOBS', 'FAIL', 'CPU', 'MEM'] as const
/** One of them. */
type Sort = (typeof sorts)[number]

/** A question that is to be answered with y or n before anything is done. */
interface Question {
  readonly text: string
  readonly action: Action
}

/** Request of a key to the server. */
export type Action =
  | { readonly kind: 'reset'; readonly pool: string }
  | { readonly kind: 'pause' | 'resume'; readonly pipeline: string }
  | { readonly kind: 'stack'; readonly pool: string; readonly pid: number }
  | { readonly kind: 'quit' }

/** State of the screen. */
export interface ScreenState {
  readonly sort: Sort
  readonly isReversed: boolean
  readonly filter: string
  /** True while the filter is typed. */
  readonly isTyping: boolean
  readonly focus: 'workers' | 'queues'
  /** Selected worker and queue. */
  readonly worker: string | undefined
  readonly queue: string | undefined
  readonly overlay: 'help' | 'stack' | 'log' | undefined
  /** True while the picture stands still. */
  readonly isFrozen: boolean
  readonly question: Question | undefined
}

/** State at the start. */
export const firstState: ScreenState = {
  sort: 'STATE',
  isReversed: false,
  filter: '',
  isTyping: false,
  focus: 'workers',
  worker: undefined,
  queue: undefined,
  overlay: undefined,
  isFrozen: false,
  question: undefined,
}

/** A key as Node's readline names it. */
export interface Key {
  readonly name?: string | undefined
  readonly sequence?: string | undefined
  readonly ctrl?: boolean | undefined
}

/** Rows on the screen when a key is pressed. */
export interface Shown {
  readonly workers: readonly LiveWorker[]
  readonly queues: readonly LiveQueue[]
}

/** Result of a key. */
export interface KeyResult {
  readonly state: ScreenState
  readonly action?: Action
  /** Message for the operator. */
  readonly say?: string
}

/** Names a worker. */
function workerKey({ pool, pid, thread }: LiveWorker): string {
  return `${pool} ${pid} ${thread ?? ''}`
}

/** The workers that the filter lets through, in the order that is chosen. */
export function shownWorkers(
  { workers }: LiveDocument,
  { filter, sort, isReversed }: ScreenState,
  rates: Rates,
): readonly LiveWorker[] {
  const wanted = filter.toLowerCase()
  const texts = ({ pool, pid, state, job }: LiveWorker) => `${pool} ${pid} ${state} ${job?.id} ${job?.name}`
  const found = workers.filter((worker) => texts(worker).toLowerCase().includes(wanted))
  const sign = isReversed ? -1 : 1
  return [...found].sort((one, other) => sign * (compare(one, other, sort, rates) || one.pid - other.pid))
}

/** Numbers: the largest first; texts: by the alphabet. */
function compare(one: LiveWorker, other: LiveWorker, sort: Sort, { cpu }: Rates): number {
  const by = (value: (worker: LiveWorker) => number) => value(other) - value(one)
  switch (sort) {
    case 'STATE':
      return rankOf(one) - rankOf(other) || by((worker) => worker.job?.for_ms ?? 0)
    case 'PID':
      return one.pid - other.pid
    case 'POOL':
      return one.pool.localeCompare(other.pool)
    case 'FOR':
      return by((worker) => worker.job?.for_ms ?? worker.idle_ms ?? 0)
    case 'JOBS':
      return by(({ jobs }) => jobs)
    case 'FAIL':
      return by(({ failed }) => failed)
    case 'CPU':
      return by(({ pid }) => cpu.get(pid) ?? 0)
    case 'MEM':
      return by(({ memory_bytes: bytes }) => bytes ?? 0)
    default:
      return unreachable(sort)
  }
}

const ranks: Readonly<Record<string, number>> = { busy: 0, draining: 1, killing: 2, stopping: 3, spawning: 4 }

function rankOf({ state }: LiveWorker): number {
  return ranks[state] ?? 5
}

/** Applies a key. */
export function press(state: ScreenState, key: Key, shown: Shown): KeyResult {
  if (key.ctrl === true && key.name === 'c') return { state, action: { kind: 'quit' } }
  if (state.question !== undefined) return answer(state, state.question, key)
  if (state.isTyping) return { state: typed(state, key) }
  if (state.overlay !== undefined && ['escape', 'q', 'return'].includes(key.name ?? ''))
    return { state: { ...state, overlay: undefined } }
  const name =
    key.sequence === '?' || key.sequence === '/' ? key.sequence : key.sequence === 'S' ? 'S' : key.name
  return pressed(state, name ?? '', shown)
}

function answer(state: ScreenState, { action }: Question, { name }: Key): KeyResult {
  const asked = { ...state, question: undefined }
  return name === 'y' ? { state: asked, action } : { state: asked, say: 'nothing was done' }
}

function typed(state: ScreenState, { name, sequence = '' }: Key): ScreenState {
  if (name === 'return') return { ...state, isTyping: false }
  if (name === 'escape') return { ...state, isTyping: false, filter: '' }
  if (name === 'backspace') return { ...state, filter: state.filter.slice(0, -1) }
  return /^[^\p{C}]+$/u.test(sequence) ? { ...state, filter: state.filter + sequence } : state
}

function pressed(state: ScreenState, name: string, shown: Shown): KeyResult {
  switch (name) {
    case 'q':
      return { state, action: { kind: 'quit' } }
    case '?':
    case 'h':
      return { state: toggled(state, 'help') }
    case 'l':
      return { state: toggled(state, 'log') }
    case 's':
      return { state: { ...state, sort: sorts[(sorts.indexOf(state.sort) + 1) % sorts.length] ?? 'STATE' } }
    case 'S':
      return { state: { ...state, isReversed: !state.isReversed } }
    case '/':
      return { state: { ...state, isTyping: true, focus: 'workers', overlay: undefined } }
    case 'escape':
      return { state: { ...state, filter: '' } }
    case 'space':
      return { state: { ...state, isFrozen: !state.isFrozen } }
    case 'tab':
      return { state: { ...state, focus: state.focus === 'workers' ? 'queues' : 'workers' } }
    case 'up':
    case 'k':
      return { state: moved(state, shown, -1) }
    case 'down':
    case 'j':
      return { state: moved(state, shown, 1) }
    case 'r':
      return reset(state, shown)
    case 'p':
      return pause(state, shown)
    case 't':
      return stack(state, shown)
    default:
      return { state }
  }
}

function toggled(state: ScreenState, overlay: 'help' | 'log'): ScreenState {
  return { ...state, overlay: state.overlay === overlay ? undefined : overlay }
}

/** The selected worker, else the first. */
export function selectedWorker(state: ScreenState, workers: readonly LiveWorker[]): LiveWorker | undefined {
  return workers.find((worker) => workerKey(worker) === state.worker) ?? workers[0]
}

/** The selected queue, else the first. */
export function selectedQueue(state: ScreenState, queues: readonly LiveQueue[]): LiveQueue | undefined {
  return queues.find(({ pipeline }) => pipeline === state.queue) ?? queues[0]
}

function moved(state: ScreenState, { workers, queues }: Shown, by: number): ScreenState {
  if (state.focus === 'queues') {
    const at = queues.findIndex(({ pipeline }) => pipeline === selectedQueue(state, queues)?.pipeline)
    return { ...state, queue: queues[clamp(at + by, queues.length)]?.pipeline }
  }
  const chosen = selectedWorker(state, workers)
  const at = chosen === undefined ? -1 : workers.indexOf(chosen)
  const to = workers[clamp(at + by, workers.length)]
  return { ...state, worker: to === undefined ? undefined : workerKey(to) }
}

function clamp(at: number, length: number): number {
  return Math.max(0, Math.min(at, length - 1))
}

function reset(state: ScreenState, { workers }: Shown): KeyResult {
  const pool = selectedWorker(state, workers)?.pool
  if (pool === undefined) return { state, say: 'no worker is selected' }
  const text = `Replace every worker of pool ${pool}, one after the other? y/n`
  return { state: { ...state, question: { text, action: { kind: 'reset', pool } } } }
}

function pause(state: ScreenState, { queues }: Shown): KeyResult {
  const queue = selectedQueue(state, queues)
  if (queue === undefined) return { state, say: 'the server has no queues of its own' }
  if (queues.length > 1 && state.focus !== 'queues')
    return { state: { ...state, focus: 'queues' }, say: 'select a queue with ↑ and ↓, then press p again' }
  const { pipeline } = queue
  const kind = queue.state === 'paused' ? 'resume' : 'pause'
  const text =
    kind === 'pause' ? `Take no more jobs from ${pipeline}? y/n` : `Take jobs from ${pipeline} again? y/n`
  return { state: { ...state, question: { text, action: { kind, pipeline } } } }
}

function stack(state: ScreenState, { workers }: Shown): KeyResult {
  const worker = selectedWorker(state, workers)
  if (worker === undefined) return { state, say: 'no worker is selected' }
  return {
    state: { ...state, overlay: 'stack' },
    action: { kind: 'stack', pool: worker.pool, pid: worker.pid },
  }
}
