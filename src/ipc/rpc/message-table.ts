/**
 * Messages of protobuf from a table of their fields, for procedures whose clients speak PROTO: no .proto file is compiled. Absent fields
 * have proto3's defaults, unknown ones are skipped. Loads nothing: the reader and the writer come from the caller.
 */
import type { PbfReader, PbfWriter } from 'pbf'
import type { ProtoMessage } from './procedure.js'

interface ScalarTypes {
  readonly string: string
  readonly bytes: Uint8Array
  readonly bool: boolean
  /** Any varint; beyond 2^53 digits are lost. */
  readonly int: number
  readonly float: number
  readonly double: number
}

type Scalar = keyof ScalarTypes

type OneKind = Scalar | TableMessage<unknown>

/** Kind of a field: a scalar, another message, a list (`[kind]`), or a map from texts (`{ map: kind }`). */
export type FieldKind = Scalar | TableMessage<unknown> | readonly [OneKind] | { readonly map: OneKind }

/** Fields of a message: number and kind by name. Numeric lists are not supported. */
export type MessageFields = { readonly [name: string]: readonly [number: number, kind: FieldKind] }

/** A message that was made from a table. */
export interface TableMessage<T> extends ProtoMessage<T> {
  readonly fields: MessageFields
}

type OneOf<K> = K extends Scalar ? ScalarTypes[K] : K extends TableMessage<infer T> ? T : never

type FieldValue<K> = K extends readonly [infer I]
  ? readonly OneOf<I>[]
  : K extends { readonly fields: MessageFields }
    ? OneOf<K> | undefined
    : K extends { readonly map: infer V }
      ? { readonly [key: string]: OneOf<V> }
      : OneOf<K>

/** The value of a message: every field is there, a message that was not sent is undefined. */
export type MessageValue<F extends MessageFields> = { readonly [N in keyof F]: FieldValue<F[N][1]> }

/** Makes a message: `protoMessage({ key: [1, 'string'], values: [2, ['bytes']], at: [3, otherMessage] })`. */
export function protoMessage<const F extends MessageFields>(fields: F): TableMessage<MessageValue<F>> {
  const byNumber = new Map(Object.entries(fields).map(([name, [number, kind]]) => [number, { name, kind }]))
  return {
    fields,
    // The value is built from the very table that its type is made of.
    read: (reader, end) => readFields(byNumber, fields, reader, end) as MessageValue<F>,
    write: (value, writer) => writeFields(fields, value, writer),
  }
}

interface ScalarCodec {
  readonly empty: unknown
  read(reader: PbfReader): unknown
  write(writer: PbfWriter, number: number, value: unknown): void
}

const scalars: Readonly<Record<Scalar, ScalarCodec>> = {
  string: {
    empty: '',
    read: (reader) => reader.readString(),
    write: (writer, number, value) => writer.writeStringField(number, String(value)),
  },
  bytes: {
    empty: new Uint8Array(),
    // Copied: the bytes are a view into the request.
    read: (reader) => new Uint8Array(reader.readBytes()),
    write: (writer, number, value) =>
      writer.writeBytesField(number, value instanceof Uint8Array ? value : Buffer.from(String(value))),
  },
  bool: {
    empty: false,
    read: (reader) => reader.readBoolean(),
    write: (writer, number, value) => writer.writeBooleanField(number, value === true),
  },
  int: {
    empty: 0,
    read: (reader) => reader.readVarint(true),
    write: (writer, number, value) => writer.writeVarintField(number, Number(value)),
  },
  float: {
    empty: 0,
    read: (reader) => reader.readFloat(),
    write: (writer, number, value) => writer.writeFloatField(number, Number(value)),
  },
  double: {
    empty: 0,
    read: (reader) => reader.readDouble(),
    write: (writer, number, value) => writer.writeDoubleField(number, Number(value)),
  },
}

type Values = Record<string, unknown>
type ByNumber = ReadonlyMap<number, { readonly name: string; readonly kind: FieldKind }>

function readFields(byNumber: ByNumber, fields: MessageFields, reader: PbfReader, end?: number): Values {
  const result: Values = Object.fromEntries(
    Object.entries(fields).map(([name, [, kind]]) => [name, emptyOf(kind)]),
  )
  return reader.readFields<Values>(
    (number, into, pbf) => {
      const field = byNumber.get(number)
      if (field !== undefined) into[field.name] = readField(field.kind, into[field.name], pbf)
    },
    result,
    end,
  )
}

function readField(kind: FieldKind, before: unknown, reader: PbfReader): unknown {
  if (isList(kind)) {
    if (Array.isArray(before)) before.push(readOne(kind[0], reader))
    return before
  }
  if (typeof kind === 'object' && 'map' in kind) {
    const { key, value } = readEntry(kind.map, reader)
    // Defined, not assigned: `__proto__` is a key like any other.
    return Object.defineProperty(before, key, { value, enumerable: true, configurable: true, writable: true })
  }
  return readOne(kind as OneKind, reader)
}

function readOne(kind: OneKind, reader: PbfReader): unknown {
  return typeof kind === 'string'
    ? scalars[kind].read(reader)
    : kind.read(reader, reader.readVarint() + reader.pos)
}

function readEntry(kind: OneKind, reader: PbfReader): { key: string; value: unknown } {
  const entry: { key: string; value: unknown } = { key: '', value: emptyOf(kind) }
  return reader.readFields(
    (number, into, pbf) => {
      if (number === 1) into.key = pbf.readString()
      else if (number === 2) into.value = readOne(kind, pbf)
    },
    entry,
    reader.readVarint() + reader.pos,
  )
}

function writeFields(fields: MessageFields, value: Values, writer: PbfWriter): void {
  for (const [name, [number, kind]] of Object.entries(fields)) {
    const given = value[name]
    if (isList(kind)) {
      for (const one of (given ?? []) as readonly unknown[]) writeOne(number, kind[0], one, writer)
    } else if (typeof kind === 'object' && 'map' in kind) {
      for (const [key, one] of Object.entries(given ?? {})) writeEntry(number, kind.map, key, one, writer)
    } else if (!isDefault(given)) writeOne(number, kind as OneKind, given, writer)
  }
}

function writeOne(number: number, kind: OneKind, value: unknown, writer: PbfWriter): void {
  if (typeof kind === 'string') scalars[kind].write(writer, number, value)
  else writer.writeMessage(number, (one, pbf) => void kind.write(one, pbf), value)
}

function writeEntry(number: number, kind: OneKind, key: string, value: unknown, writer: PbfWriter): void {
  writer.writeMessage(
    number,
    (_, pbf) => {
      pbf.writeStringField(1, key)
      writeOne(2, kind, value, pbf)
    },
    undefined,
  )
}

function isList(kind: FieldKind): kind is readonly [OneKind] {
  return Array.isArray(kind)
}

/** Values that proto3 does not write. */
function isDefault(value: unknown): boolean {
  if (value instanceof Uint8Array) return value.length === 0
  return value === undefined || value === '' || value === 0 || value === false
}

function emptyOf(kind: FieldKind): unknown {
  if (isList(kind)) return []
  if (typeof kind === 'object') return 'map' in kind ? {} : undefined
  return scalars[kind].empty
}
