/** The remote procedures of the emulator, as it and the commands of `rr` know them: names and the shapes of answers. */
import { type RemoteProcedure, type ShapeOf, shape } from '../../index.js'

const target = shape.record({ address: shape.text, is_pulled: shape.boolean })
const sent = shape.record({ queue: shape.text, message_ids: shape.list(shape.text) })
const counts = shape.record({
  queue: shape.text,
  visible: shape.number,
  in_flight: shape.number,
  delayed: shape.number,
  dead: shape.orNull(shape.number),
})

/** Address of the invoke endpoint, and whether its events are pulled. */
export type EmulatorTarget = ShapeOf<typeof target>
/** Ids of the messages that a queue took. */
export type SentMessages = ShapeOf<typeof sent>
/** Messages of the polled queue, by where they are. */
export type PolledCounts = ShapeOf<typeof counts>

const message = shape.record({
  id: shape.text,
  body: shape.text,
  group: shape.orNull(shape.text),
  deliveries: shape.number,
  age_ms: shape.number,
  visible_in_ms: shape.number,
})
const messages = shape.record({ queue: shape.text, total: shape.number, messages: shape.list(message) })
const changed = shape.record({ queue: shape.text, messages: shape.number })

/** Messages of a queue in memory, in the order in which they were sent. */
export type QueueMessages = ShapeOf<typeof messages>
/** A queue that messages were moved to or dropped from, and their number. */
export type ChangedQueue = ShapeOf<typeof changed>

/** Choice of a queue, and of some of its messages. */
export interface QueueChoice {
  /** True: the dead-letter queue. */
  readonly dead?: boolean
  readonly ids?: readonly string[]
  readonly max?: number
}

/** Asks where events are invoked. */
export const EmulatorTarget: RemoteProcedure<undefined, EmulatorTarget> = {
  name: 'emulator.Target',
  read: target,
}
/** Sends messages to a queue; the input is that of `rr send`. */
export const EmulatorSend: RemoteProcedure<object, SentMessages> = { name: 'emulator.Send', read: sent }
/** Asks for the messages of a queue in memory. */
export const EmulatorMessages: RemoteProcedure<QueueChoice, QueueMessages> = {
  name: 'emulator.Messages',
  read: messages,
}
/** Moves messages of the dead-letter queue back: those named, else all. */
export const EmulatorRedrive: RemoteProcedure<QueueChoice, ChangedQueue> = {
  name: 'emulator.Redrive',
  read: changed,
}
/** Drops all messages of a queue in memory. */
export const EmulatorPurge: RemoteProcedure<QueueChoice, ChangedQueue> = {
  name: 'emulator.Purge',
  read: changed,
}
/** Asks for the counts of the polled queue. */
export const EmulatorQueue: RemoteProcedure<undefined, PolledCounts> = {
  name: 'emulator.Queue',
  read: counts,
}
