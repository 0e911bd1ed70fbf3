/**
 * Reads a line that a worker wrote as the values of a log line. The members of a JSON object become fields, never a nested text;
 * keys of ours win over its own. Pure.
 */
import { type JsonMember, jsonMembers } from '../core/json-members.js'
import type { LinePart } from './line-splitter.js'
import type { LogLevel } from './logger.js'
import { RawJson } from './values.js'

/** One line of a worker, with its origin. */
export interface WorkerLine {
  /** Absent for a plain process, which has a name instead. */
  readonly pool?: string
  /** Name of a plain process. */
  readonly process?: string
  readonly pid: number
  /** The number of the thread, when the worker is one of the process `pid`. */
  readonly thread?: number
  /** The job that ran, by name. */
  readonly job?: string
  /** The job's tags, such as `requestId`: fields of the line. */
  readonly tags?: Readonly<Record<string, string>>
  readonly stream: 'stdout' | 'stderr'
  readonly text: string
  readonly part?: LinePart
}

/** Values of a log line. */
export interface LineRecord {
  readonly level: LogLevel
  readonly message: string
  /** The message as JSON where it is not a string; `message` holds the same as text. */
  readonly messageJson?: RawJson
  readonly fields: Readonly<Record<string, unknown>>
}

// `logger pool pid job requestId` are the worker's tags; the others are every line's own.
const ours: ReadonlySet<string> = new Set([
  'time',
  'timestamp',
  'level',
  'logger',
  'message',
  'pool',
  'pid',
  'job',
  'requestId',
])
/** Keys under which a line of JSON may name its level, in the order in which they are asked. */
export const levelKeys = ['level', 'level_name', 'levelname', 'severity'] as const
const messageKeys = ['message', 'msg'] as const
const levelCharactersMax = 40

const levelNames: Readonly<Record<string, LogLevel>> = {
  trace: 'debug',
  verbose: 'debug',
  debug: 'debug',
  info: 'info',
  information: 'info',
  notice: 'info',
  warn: 'warn',
  warning: 'warn',
  error: 'error',
  err: 'error',
  critical: 'error',
  crit: 'error',
  fatal: 'error',
  panic: 'error',
  severe: 'error',
  alert: 'error',
  emergency: 'error',
  emerg: 'error',
}

/** Reads a level from its name, or from its number: pino's 10–60, Monolog's 100–600. Undefined when it is neither. */
export function levelOf(value: unknown): LogLevel | undefined {
  if (typeof value === 'string') {
    const name = value.trim().toLowerCase()
    if (Object.hasOwn(levelNames, name)) return levelNames[name]
    return /^\d+$/.test(name) ? levelOf(Number(name)) : undefined
  }
  if (typeof value !== 'number' || !Number.isFinite(value)) return undefined
  const scaled = value >= 100 ? monologToPino(value) : value
  if (scaled < 30) return 'debug'
  if (scaled < 40) return 'info'
  if (scaled < 50) return 'warn'
  return 'error'
}

// Monolog: debug 100, info 200, notice 250, warning 300, error 400, critical 500, alert 550, emergency 600.
function monologToPino(value: number): number {
  if (value < 200) return 20
  if (value < 300) return 30
  return value < 400 ? 40 : 50
}

/** Reads one line. */
export function readWorkerLine(line: WorkerLine): LineRecord {
  const members = line.part === undefined ? jsonMembers(line.text) : undefined
  return members === undefined ? plainWorkerLine(line) : merged(members, factsOf(line))
}

/** Takes one line as a message, whatever is in it. */
export function plainWorkerLine(line: WorkerLine): LineRecord {
  return { level: 'info', message: line.text, fields: factsOf(line) }
}

function factsOf({
  pool,
  process,
  pid,
  thread,
  job,
  tags,
  part,
}: WorkerLine): Readonly<Record<string, unknown>> {
  return {
    ...(pool === undefined ? {} : { pool }),
    ...(process === undefined ? {} : { process }),
    pid,
    ...(thread === undefined ? {} : { thread }),
    ...(job === undefined ? {} : { job }),
    ...tags,
    ...(part === undefined
      ? {}
      : { partId: part.id, part: part.number, ...(part.isLast ? { lastPart: true } : {}) }),
  }
}

function merged(members: readonly JsonMember[], tags: Readonly<Record<string, unknown>>): LineRecord {
  const texts = new Map(members.map(({ key, text }) => [key, text]))
  const levelKey = levelKeys.find((key) => levelOfText(texts.get(key)) !== undefined)
  const textKey = messageKeys.find((key) => texts.get(key)?.startsWith('"') === true)
  // An object is a message, too: some formats are full of them.
  const messageKey = textKey ?? (texts.has('message') ? 'message' : undefined)
  const messageText = messageKey === undefined ? undefined : texts.get(messageKey)
  // Without a prototype, so that a key such as `__proto__` is one like any other.
  const fields: Record<string, unknown> = Object.assign(Object.create(null), tags)
  for (const { key, text } of members) {
    if (key === levelKey || key === messageKey) continue
    fields[freeName(key, tags, texts)] = new RawJson(text)
  }
  return {
    level: (levelKey === undefined ? undefined : levelOfText(texts.get(levelKey))) ?? 'info',
    ...messageOf(messageText),
    fields,
  }
}

function messageOf(text = '""'): Pick<LineRecord, 'message' | 'messageJson'> {
  if (text.startsWith('"')) return { message: JSON.parse(text) }
  return { message: text, messageJson: new RawJson(text) }
}

/** Returns the key itself, with a prefix where it is one of ours; never the key of another member. */
function freeName(key: string, tags: object, taken: ReadonlyMap<string, string>): string {
  if (!ours.has(key) && !Object.hasOwn(tags, key)) return key
  let name = `app_${key}`
  while (taken.has(name)) name = `app_${name}`
  return name
}

function levelOfText(text: string | undefined): LogLevel | undefined {
  // No level is longer; a whole document under this key is not read again.
  return text === undefined || text.length > levelCharactersMax ? undefined : levelOf(JSON.parse(text))
}

/** Tells whether a line may be at another level than info, without reading it. */
export function namesLevel(text: string): boolean {
  return /level|severity|\\u/.test(text)
}
