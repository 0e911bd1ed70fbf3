/** Describes how the values of a procedure cross the wire, for both ends. Data and types only; `values.ts` encodes and decodes. */
import type { PbfReader, PbfWriter } from 'pbf'

/**
 * Reads and writes one protobuf message. The `read…` and `write…` functions that the command `pbf` generates from a .proto file fit
 * as they are.
 */
export interface ProtoMessage<T> {
  /** Reads fields up to `end`, which is the end of the message. */
  read(reader: PbfReader, end?: number): T
  write(value: T, writer: PbfWriter): unknown
}

/** The codecs that a procedure takes: those for which it says what its input is; JSON and MSGPACK when it says nothing. */
export interface ProcedureCodecs {
  /** Schema of JSON and MSGPACK requests; without it a procedure with messages or `raw` does not take them. */
  readonly input?: object
  /** Message of a PROTO request. A procedure names both messages or neither. */
  readonly request?: ProtoMessage<unknown>
  /** Message of the answer to a PROTO request. */
  readonly reply?: ProtoMessage<unknown>
  /** Takes RAW requests: their bytes are the input, and the answer is text or bytes. */
  readonly raw?: true
}

/** A procedure as its callers know it. `read` checks an answer, which comes from another process and perhaps another version. */
export interface RemoteProcedure<I, O> {
  /** The full name, e.g. `rr.Workers`. */
  readonly name: string
  /** Returns the answer with its type; throws when it is not of that shape. */
  readonly read: (answer: unknown) => O
  /** Carries the type of the input only; there is no value. */
  readonly input?: I
}
