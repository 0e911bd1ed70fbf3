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

/** Asks where events are invoked. */
export const EmulatorTarget: RemoteProcedure<undefined, EmulatorTarget> = {
  name: 'emulator.Target',
  read: target,
}
/** Sends messages to a queue; the input is that of `rr send`. */
export const EmulatorSend: RemoteProcedure<object, SentMessages> = { name: 'emulator.Send', read: sent }
/** Asks for the counts of the polled queue. */
export const EmulatorQueue: RemoteProcedure<undefined, PolledCounts> = {
  name: 'emulator.Queue',
  read: counts,
}
