/** Procedures behind `rr queue show`, `redrive` and `purge`, for a queue in memory and its dead-letter queue. */
import { type AnyProcedure, ErrorCode, RelayError } from '../../../index.js'
import type { MemoryQueue } from '../../../work/queues/memory/memory-queue.js'
import { bodyText } from '../../../work/queues/text.js'
import type { ChangedQueue, QueueChoice, QueueMessages } from '../procedures.js'

const shownDefault = 20
const shownMax = 1000
const bodyCharactersMax = 4000

/** The procedures of a queue in memory. */
export function viewProcedures(
  queue: MemoryQueue,
  deadLetter: MemoryQueue,
): Readonly<Record<string, AnyProcedure>> {
  const chosen = (argument: unknown) => {
    const choice = readChoice(argument)
    return { choice, one: choice.dead === true ? deadLetter : queue }
  }
  return {
    Messages: {
      call: (argument: unknown): QueueMessages => {
        const { choice, one } = chosen(argument)
        const messages = one.messages(choice.max ?? shownDefault).map((message) => ({
          id: message.id,
          body: bodyText(message.body).slice(0, bodyCharactersMax),
          group: message.group ?? null,
          deliveries: message.receiveCount,
          age_ms: Math.round(message.ageMs),
          visible_in_ms: Math.round(message.visibleInMs),
        }))
        return { queue: one.name, total: one.ids.length, messages }
      },
    },
    Redrive: {
      audited: true,
      call: (argument: unknown): ChangedQueue => {
        const { ids } = readChoice(argument)
        const missing = ids?.find((id) => !deadLetter.ids.includes(id))
        if (missing !== undefined)
          throw new RelayError(ErrorCode.QueueRefused, `there is no message ${missing} in ${deadLetter.name}`)
        return { queue: queue.name, messages: deadLetter.moveTo(queue, ids).length }
      },
    },
    Purge: {
      audited: true,
      call: (argument: unknown): ChangedQueue => {
        const { one } = chosen(argument)
        const messages = one.ids.length
        one.purge()
        return { queue: one.name, messages }
      },
    },
  }
}

/** Procedures of a queue with a URL: its messages are looked at where it is. */
export function remoteViewProcedures(url: string): Readonly<Record<string, AnyProcedure>> {
  const call = () => {
    const what = `${url} is not in memory: its messages are shown, redriven and purged where it is`
    throw new RelayError(ErrorCode.QueueRefused, what)
  }
  return { Messages: { call }, Redrive: { call }, Purge: { call } }
}

function readChoice(argument: unknown): QueueChoice {
  const given: Readonly<Record<string, unknown>> =
    typeof argument === 'object' && argument !== null ? { ...argument } : {}
  const { dead, ids, max } = given
  const named = Array.isArray(ids) ? ids.filter((id): id is string => typeof id === 'string') : []
  return {
    dead: dead === true,
    ...(named.length === 0 ? {} : { ids: named }),
    ...(typeof max === 'number' && max >= 1 ? { max: Math.min(max, shownMax) } : {}),
  }
}
