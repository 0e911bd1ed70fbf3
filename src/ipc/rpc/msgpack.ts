/**
 * MessagePack. Requests are checked before they are decoded: the decoder allocates an array as long as its header says, and
 * nested headers of a few bytes could claim any amount of memory. The package is loaded with the first request.
 */

/** The value of a request. Rejects for bytes that are not one whole MessagePack value. */
export async function decodePack(data: Buffer): Promise<unknown> {
  const { decode } = await import('@msgpack/msgpack')
  try {
    if (holdsItsItems(data)) return decode(data)
  } catch {
    // The decoder's message may quote the argument, which may be secret.
  }
  throw new Error('rpc: the argument is not MSGPACK')
}

/** The bytes of an answer. As in JSON, keys that are undefined are left out. Rejects for what MessagePack cannot express. */
export async function encodePack(value: unknown): Promise<Uint8Array> {
  const { encode } = await import('@msgpack/msgpack')
  return encode(value, { ignoreUndefined: true })
}

/** True when no header claims more items than there are bytes left: each item has at least one. */
function holdsItsItems(data: Buffer): boolean {
  let at = 0
  let owed = 1
  while (owed > 0 && owed <= data.length - at) {
    const { bytes, items } = readHeader(data, at)
    at += bytes
    owed += items - 1
  }
  return owed === 0 && at === data.length
}

interface Header {
  /** Length of the header, and of the value when it holds no items. */
  readonly bytes: number
  /** Number of values that follow: a map has two an entry. */
  readonly items: number
}

function readHeader(data: Buffer, at: number): Header {
  const first = data.readUInt8(at)
  if (first < 0x80 || first >= 0xe0) return { bytes: 1, items: 0 }
  if (first < 0x90) return { bytes: 1, items: 2 * (first & 0x0f) }
  if (first < 0xa0) return { bytes: 1, items: first & 0x0f }
  if (first < 0xc0) return { bytes: 1 + (first & 0x1f), items: 0 }
  const [lengthBytes, extraBytes, itemsEach] = layouts[first - 0xc0] ?? [0, 0, 0]
  const length = lengthBytes === 0 ? 0 : data.readUIntBE(at + 1, lengthBytes)
  const headerBytes = 1 + lengthBytes + extraBytes
  return itemsEach === 0
    ? { bytes: headerBytes + length, items: 0 }
    : { bytes: headerBytes, items: length * itemsEach }
}

/** Per type from 0xc0: bytes of its length, further bytes, and values an item; 0 where the length counts bytes. */
const layouts: readonly (readonly [lengthBytes: number, extraBytes: number, itemsEach: number])[] = [
  // nil, unused, false, true
  [0, 0, 0],
  [0, 0, 0],
  [0, 0, 0],
  [0, 0, 0],
  // bin 8, 16, 32
  [1, 0, 0],
  [2, 0, 0],
  [4, 0, 0],
  // ext 8, 16, 32: a byte for the type
  [1, 1, 0],
  [2, 1, 0],
  [4, 1, 0],
  // float 32, 64
  [0, 4, 0],
  [0, 8, 0],
  // uint 8 to 64, int 8 to 64
  [0, 1, 0],
  [0, 2, 0],
  [0, 4, 0],
  [0, 8, 0],
  [0, 1, 0],
  [0, 2, 0],
  [0, 4, 0],
  [0, 8, 0],
  // fixext 1 to 16: a byte for the type
  [0, 2, 0],
  [0, 3, 0],
  [0, 5, 0],
  [0, 9, 0],
  [0, 17, 0],
  // str 8, 16, 32
  [1, 0, 0],
  [2, 0, 0],
  [4, 0, 0],
  // array 16, 32; map 16, 32
  [2, 0, 1],
  [4, 0, 1],
  [2, 0, 2],
  [4, 0, 2],
]
