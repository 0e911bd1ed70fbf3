/** Values of the storm's keys: of many lengths, and known from the key. */
import { createHash } from 'node:crypto'

/** The value of a key; up to 64 kB. */
export function valueOfKey(key: string): Buffer {
  const seed = createHash('sha256').update(key).digest()
  const bytes = seed.readUInt8(0) < 8 ? 65_536 : seed.readUInt16LE(1) % 900
  return Buffer.alloc(bytes, seed)
}
