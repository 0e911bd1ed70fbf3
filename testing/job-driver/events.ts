/** Bodies of the suite’s jobs, which tell their worker what to do, and the lines that workers write: one file of JSON lines, shared by all servers of a case. */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { isObject, parseJson, textOf } from '../../src/core/json.js'

/** Name of the file in the case's folder. */
export const eventsFile = 'events.jsonl'

/** Body of a job: what its worker does the first `times` times. */
export interface Deed {
  readonly id: string
  /** Ms that it takes. */
  readonly ms: number
  readonly deed: 'none' | 'die' | 'throw' | 'retry'
  readonly times: number
}

/** A line of a worker. */
export interface JobEvent {
  readonly what: 'begun' | 'done'
  readonly id: string
  readonly pid: number
}

const deeds = ['none', 'die', 'throw', 'retry'] as const

/** Reads a body; what is not there means nothing. */
export function readDeed(text: string): Deed {
  const given = parseJson(text)
  const { id, ms, deed, times } = isObject(given) ? given : {}
  return {
    id: textOf(id) ?? text,
    ms: typeof ms === 'number' ? ms : 0,
    deed: deeds.find((known) => known === deed) ?? 'none',
    times: typeof times === 'number' ? times : 1,
  }
}

/** Reads the lines so far, a torn last one left out. */
export function readEvents(folder: string): readonly JobEvent[] {
  const path = join(folder, eventsFile)
  if (!existsSync(path)) return []
  return readFileSync(path, 'utf8').split('\n').flatMap(eventOf)
}

function eventOf(line: string): readonly JobEvent[] {
  const given = line === '' ? undefined : parseJson(line)
  if (!isObject(given)) return []
  const { what, pid } = given
  const id = textOf(given.id)
  if ((what !== 'begun' && what !== 'done') || id === undefined || typeof pid !== 'number') return []
  return [{ what, id, pid }]
}
