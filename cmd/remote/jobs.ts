/** `rr jobs`: the pipelines of the running server; pauses, resumes, fills them, and puts failed jobs back. */
import { randomUUID } from 'node:crypto'
import { nearestName } from '../../config/validation/nearest.js'
import { ErrorCode, hasCode, messageOf, RelayError } from '../../src/core/errors.js'
import type { RemoteProcedure } from '../../src/ipc/rpc/procedure.js'
import { list, number, orNull, record, type ShapeOf, text } from '../../src/ipc/rpc/shape.js'
import { parseDuration } from '../../src/schema/units.js'
import { readInput } from '../input.js'
import { type CommonOptions, ExitCode, wrongUsage } from '../options.js'
import { printable } from '../output.js'
import { type ControlClient, printAnswer, table, withServer } from './running-server.js'

/** Options of the command, with the common ones. */
export interface JobsCommandOptions extends CommonOptions {
  readonly body?: string
  readonly job?: string
  readonly id?: string
  readonly delay?: string
  readonly priority?: string
}

const stateRow = record({
  pipeline: text,
  driver: text,
  queue: text,
  priority: number,
  state: text,
  error: orNull(text),
  active: orNull(number),
  delayed: orNull(number),
  reserved: orNull(number),
  oldest_ms: orNull(number),
  running: number,
  waiting: number,
  kept: number,
  per_minute: number,
  done: number,
  retried: number,
  failed: number,
  dropped: number,
  lost: number,
})
const failedRow = record({
  pipeline: text,
  id: text,
  job: text,
  attempt: orNull(number),
  failed_at: orNull(text),
  why: text,
})

type StateRow = ShapeOf<typeof stateRow>
type FailedRow = ShapeOf<typeof failedRow>

const states: RemoteProcedure<undefined, { readonly pipelines: readonly StateRow[] }> = {
  name: 'jobs.States',
  read: record({ pipelines: list(stateRow) }),
}
const failedJobs: RemoteProcedure<
  { readonly pipeline: string | undefined },
  { readonly jobs: readonly FailedRow[] }
> = { name: 'jobs.Failed', read: record({ jobs: list(failedRow) }) }
const redrive: RemoteProcedure<
  { readonly pipeline: string; readonly ids: readonly string[] },
  { readonly count: number }
> = { name: 'jobs.Redrive', read: record({ count: number }) }

const anything = (answer: unknown) => answer

/** An action of the command. */
interface Action {
  /** Words after its name, for the message that they are wrong. */
  readonly words: string
  readonly min: number
  readonly max: number
  run(words: readonly string[], options: JobsCommandOptions): Promise<number> | number
}

const actions: Readonly<Record<string, Action>> = {
  list: { words: '', min: 0, max: 0, run: (_, options) => show(undefined, options, listTable) },
  stat: { words: '[PIPELINE]', min: 0, max: 1, run: ([name], options) => show(name, options, statText) },
  pause: { words: 'PIPELINE…', min: 1, max: 1000, run: (names, options) => change('Pause', names, options) },
  resume: {
    words: 'PIPELINE…',
    min: 1,
    max: 1000,
    run: (names, options) => change('Resume', names, options),
  },
  push: { words: 'PIPELINE [FILE]', min: 1, max: 2, run: push },
  dead: { words: '[PIPELINE]', min: 0, max: 1, run: ([name], options) => dead(name, options) },
  redrive: { words: 'PIPELINE [ID…]', min: 1, max: 1000, run: putBack },
}

/** Runs an action, `list` by default. Exit 1 when no server is there, or it has no such pipeline. */
export async function jobs(
  name: string | undefined,
  words: readonly string[],
  options: JobsCommandOptions,
): Promise<number> {
  const known = name ?? 'list'
  const action = Object.hasOwn(actions, known) ? actions[known] : undefined
  if (action === undefined) return wrongAction(known)
  if (words.length < action.min || words.length > action.max)
    return wrongUsage(`jobs ${known} takes ${action.words === '' ? 'no names' : action.words}`)
  return action.run(words, options)
}

function wrongAction(name: string): number {
  const names = Object.keys(actions)
  const nearest = nearestName(name, names)
  return wrongUsage(
    `jobs takes one of ${names.join(', ')}, not ${JSON.stringify(name)}`,
    nearest === undefined ? undefined : `Did you mean \`rr jobs ${nearest}\`?`,
  )
}

async function show(
  name: string | undefined,
  options: JobsCommandOptions,
  textOf: (rows: readonly StateRow[]) => string,
): Promise<number> {
  await withServer(options, async (client) => {
    const { pipelines } = await asked(client, states, undefined)
    const rows = name === undefined ? pipelines : pipelines.filter(({ pipeline }) => pipeline === name)
    if (name !== undefined && rows.length === 0) throw unknown(name, pipelines)
    printAnswer(options, rows, textOf)
    for (const { pipeline, error } of rows)
      if (error !== null)
        process.stderr.write(`${printable(`pipeline ${pipeline} cannot reach its queue: ${error}`)}\n`)
  })
  return ExitCode.ok
}

async function change(
  method: 'Pause' | 'Resume',
  names: readonly string[],
  options: JobsCommandOptions,
): Promise<number> {
  await withServer(options, async (client) => {
    const input = { pipelines: names }
    const answer = await asked(client, { name: `jobs.${method}`, read: anything }, input)
    if (options.json === true) printAnswer(options, answer, String)
    for (const name of names)
      process.stderr.write(`pipeline ${printable(name)}: ${method === 'Pause' ? 'paused' : 'resumed'}\n`)
  })
  return ExitCode.ok
}

async function push(words: readonly string[], options: JobsCommandOptions): Promise<number> {
  const [pipeline = '', file] = words
  const { body, job = 'rr.jobs', id = randomUUID(), delay, priority = '0' } = options
  const delayMs = delay === undefined ? 0 : parseDuration(delay)
  if (delayMs === undefined)
    return wrongUsage(`--delay takes a duration such as 5s, not ${JSON.stringify(delay)}`)
  if (!/^\d{1,4}$/.test(priority))
    return wrongUsage(`--priority takes a number from 1 to 1000, not ${JSON.stringify(priority)}`)
  if (file !== undefined && body !== undefined) return wrongUsage('give either a file or --body')
  if (file === undefined && body === undefined)
    return wrongUsage(
      'jobs push has no body: give a file, - for standard input, or --body',
      `An empty one on purpose: \`rr jobs push ${printable(pipeline)} --body ''\`.`,
    )
  const input = file === undefined ? Buffer.from(body ?? '') : readInput(file)
  if (typeof input === 'string') return wrongUsage(input)
  const message = {
    job,
    id,
    payload: input.toString('base64'),
    options: { pipeline, delay: Math.ceil(delayMs / 1000), priority: Number(priority) },
  }
  await withServer(options, async (client) => {
    await asked(client, { name: 'jobs.Push', read: anything }, { job: message })
    printAnswer(options, { id }, () => printable(id))
  })
  return ExitCode.ok
}

async function dead(pipeline: string | undefined, options: JobsCommandOptions): Promise<number> {
  await withServer(options, async (client) => {
    const { jobs: rows } = await asked(client, failedJobs, { pipeline })
    printAnswer(options, rows, deadTable)
  })
  return ExitCode.ok
}

async function putBack(words: readonly string[], options: JobsCommandOptions): Promise<number> {
  const [pipeline = '', ...ids] = words
  let isAll = true
  await withServer(options, async (client) => {
    const answer = await asked(client, redrive, { pipeline, ids })
    isAll = ids.length === 0 || answer.count === new Set(ids).size
    printAnswer(options, answer, ({ count }) => `${count} jobs are back in ${printable(pipeline)}`)
  })
  return isAll ? ExitCode.ok : ExitCode.fault
}

/** Calls a procedure; a server without queues says so in words of its own. */
async function asked<I, O>(client: ControlClient, procedure: RemoteProcedure<I, O>, input: I): Promise<O> {
  try {
    return await client.waitFor(procedure, input)
  } catch (error) {
    if (!hasCode(error, ErrorCode.RpcFailed)) throw error
    if (/no such pipeline, requested: /.test(messageOf(error))) throw await unknownAmong(client, error)
    if (!messageOf(error).includes("can't find service"))
      throw new RelayError(ErrorCode.RpcFailed, withoutOperations(messageOf(error)), { cause: error })
    throw new RelayError(ErrorCode.RpcFailed, 'the server has no queues of its own', {
      hint: 'Add a `jobs:` section to its file, and start it again.',
      cause: error,
    })
  }
}

/** The fault of a name that no pipeline has, with the names that there are. RoadRunner's text stays, for scripts that match it. */
async function unknownAmong(client: ControlClient, cause: unknown): Promise<RelayError> {
  const what = withoutOperations(messageOf(cause))
  const { pipelines } = await client.waitFor(states, undefined)
  const names = pipelines.map(({ pipeline }) => pipeline)
  const nearest = nearestName(/requested: (.*)$/.exec(what)?.[1] ?? '', names)
  const meant = nearest === undefined ? '' : `Did you mean ${printable(nearest)}? `
  const hint = `${meant}Pipelines: ${names.length === 0 ? 'none' : names.map(printable).join(', ')}.`
  return new RelayError(ErrorCode.RpcFailed, what, { hint, cause })
}

/** A fault without the names of operations that RoadRunner's texts begin with, each on a line of its own. */
function withoutOperations(text: string): string {
  const last = text.split('\n').at(-1) ?? text
  return last.replace(/^\s*(\\x09)?((rpc|jobs_plugin)_\w+: )?/, '')
}

function unknown(name: string, rows: readonly StateRow[]): RelayError {
  const names = rows.map(({ pipeline }) => printable(pipeline)).join(', ')
  return new RelayError(
    ErrorCode.RpcFailed,
    `there is no pipeline ${JSON.stringify(name)} (pipelines: ${names === '' ? 'none' : names})`,
  )
}

/** A number that the queue may not be able to say. */
function shown(count: number | null): string {
  return count === null ? '-' : String(count)
}

function listTable(rows: readonly StateRow[]): string {
  if (rows.length === 0) return 'no pipelines'
  const cells = rows.map((row) => [
    row.pipeline,
    row.driver,
    row.state,
    ...[row.active, row.delayed, row.reserved, row.running, row.kept, row.per_minute].map(shown),
    row.oldest_ms === null ? '-' : `${(row.oldest_ms / 1000).toFixed(1)} s`,
  ])
  const headings = ['PIPELINE', 'DRIVER', 'STATE', 'READY', 'DELAYED', 'RESERVED', 'RUNNING', 'DEAD']
  return table([...headings, 'ENDED/MIN', 'OLDEST'], cells)
}

function statText(rows: readonly StateRow[]): string {
  if (rows.length === 0) return 'no pipelines'
  return rows
    .map((row) =>
      Object.entries(row).map(([key, value]) => `${key.padEnd(12)}${printable(String(value ?? '-'))}`),
    )
    .map((lines) => lines.join('\n'))
    .join('\n\n')
}

function deadTable(rows: readonly FailedRow[]): string {
  if (rows.length === 0) return 'no failed jobs'
  const cells = rows.map((row) => [
    row.pipeline,
    row.id,
    row.job,
    shown(row.attempt),
    row.failed_at ?? '-',
    row.why,
  ])
  return table(['PIPELINE', 'ID', 'JOB', 'TRIES', 'FAILED', 'WHY'], cells)
}
