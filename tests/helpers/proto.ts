/** Protobuf's wire format for tests, written apart from the code under test. */

/** One field of a message: a number, or bytes. */
export interface ProtoEntry {
  readonly field: number
  readonly number: number
  readonly bytes: Buffer
}

/** The fields of a message in their order; numbers are small and sizes fit. */
export function protoFields(message: Buffer): readonly ProtoEntry[] {
  const fields: ProtoEntry[] = []
  let at = 0
  const varint = () => {
    let value = 0n
    for (let shift = 0n; ; shift += 7n) {
      const byte = message.readUInt8(at++)
      value |= BigInt(byte & 0x7f) << shift
      if (byte < 0x80) return Number(value)
    }
  }
  while (at < message.length) {
    const key = varint()
    const number = varint()
    const isBytes = (key & 7) === 2
    fields.push({
      field: key >> 3,
      number: isBytes ? 0 : number,
      bytes: isBytes ? message.subarray(at, at + number) : Buffer.alloc(0),
    })
    if (isBytes) at += number
  }
  return fields
}

/** `http.v1.Response`. */
export function protoResponse(
  status: number,
  headers: readonly (readonly [string, readonly (string | Buffer)[]])[],
): Buffer {
  const lists = headers.map(([name, values]) => {
    const list = Buffer.concat(values.map((value) => piece(1, Buffer.from(value))))
    return piece(2, Buffer.concat([piece(1, Buffer.from(name)), piece(2, list)]))
  })
  return Buffer.concat([Buffer.from([0x08]), varintOf(status), ...lists])
}

function piece(field: number, bytes: Buffer): Buffer {
  return Buffer.concat([Buffer.from([(field << 3) | 2]), varintOf(bytes.length), bytes])
}

function varintOf(value: number): Buffer {
  const bytes: number[] = []
  for (let rest = BigInt(value); ; rest >>= 7n) {
    const isLast = rest < 0x80n
    bytes.push(Number(rest & 0x7fn) | (isLast ? 0 : 0x80))
    if (isLast) return Buffer.from(bytes)
  }
}
