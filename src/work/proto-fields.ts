/** Reads the fields of a protobuf message of which few are of interest, without a table or a package. Pure. */

/** A field as it lies in a message. */
export interface ProtoField {
  readonly field: number
  /** Value of a varint. */
  readonly number?: number
  /** Bytes of a text, of bytes or of a message. */
  readonly part?: Buffer
}

/** Yields varints and length-delimited fields; fixed-size ones are passed over. Throws an `Error` with a sentence. */
export function* protoFields(bytes: Buffer): Generator<ProtoField> {
  let at = 0
  const readVarint = (): number => {
    let value = 0
    let scale = 1
    for (let byte = 0x80; byte >= 0x80; scale *= 0x80) {
      byte = bytes[at] ?? Number.NaN
      if (Number.isNaN(byte) || scale > 2 ** 63) throw new Error('the message ends within a number')
      at += 1
      value += (byte & 0x7f) * scale
    }
    return value
  }
  while (at < bytes.length) {
    const key = readVarint()
    const [field, wire] = [Math.floor(key / 8), key % 8]
    if (wire === 0) yield { field, number: readVarint() }
    else if (wire === 1) at += 8
    else if (wire === 5) at += 4
    else if (wire === 2) {
      const length = readVarint()
      if (length > bytes.length - at) throw new Error('the message ends within a field')
      yield { field, part: bytes.subarray(at, at + length) }
      at += length
    } else throw new Error(`the message has a field of the unknown kind ${wire}`)
  }
}

/** Encodes a length-delimited field. */
export function protoPart(field: number, bytes: Uint8Array): Buffer {
  return Buffer.concat([Buffer.from([(field << 3) | 2]), protoVarint(bytes.length), bytes])
}

/** Encodes a varint. */
export function protoVarint(value: number): Buffer {
  const bytes: number[] = []
  let rest = value
  while (rest >= 0x80) {
    bytes.push((rest % 0x80) | 0x80)
    rest = Math.floor(rest / 0x80)
  }
  bytes.push(rest)
  return Buffer.from(bytes)
}
