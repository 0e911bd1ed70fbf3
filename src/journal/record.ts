/**
 * Records of a journal ↔ bytes. A record is `mark, kind, key length, value length, CRC-32, check of its head, key, value`; both sums begin
 * with the salt of its segment, so that bytes of a value never pass for a record, nor for the head of one. Pure.
 */
import { crc32 } from 'node:zlib'

/** A change of one key. */
export interface JournalChange {
  /** Up to 1024 bytes as UTF-8. */
  readonly key: string
  /** Absent: the key is deleted. */
  readonly value?: Uint8Array
}

/** A record that was read, with the place of its bytes. */
export interface ScannedRecord {
  readonly key: string
  /** Undefined: a deletion. Its bytes are those of the scanned ones, not a copy. */
  readonly value: Buffer | undefined
  readonly end: number
}

/** A stretch of a segment. */
export interface Scan {
  readonly records: readonly ScannedRecord[]
  /** End of the last whole record: what lies behind it was never acknowledged, or is damaged. */
  readonly wholeEnd: number
  /** Bytes between whole records that are none. */
  readonly damagedBytes: number
}

/** Bytes of a record before its key. */
const recordHeadBytes = 14
/** Longest key. */
export const keyBytesMax = 1024
/** Longest value; RoadRunner's limit of an RPC call is 64 MB. */
export const valueBytesMax = 128 * 2 ** 20
/** Bytes at the start of a segment: `RRJ1`, salt, CRC-32 of both. */
export const segmentHeadBytes = 12

const mark = 0xa7
const kinds = { put: 1, delete: 2 } as const
const at = { kind: 1, keyBytes: 2, valueBytes: 4, crc: 8, check: 12 } as const
const checkMask = 0xffff
const segmentMark = Buffer.from('RRJ1')

/** Encodes the head of a segment. */
export function encodeSegmentHead(salt: number): Buffer {
  const head = Buffer.alloc(segmentHeadBytes)
  segmentMark.copy(head)
  head.writeUInt32LE(salt, 4)
  head.writeUInt32LE(crc32(head.subarray(0, 8)), 8)
  return head
}

/** Returns the salt of a segment; undefined when its head is not whole. */
export function readSegmentHead(bytes: Buffer): number | undefined {
  if (bytes.length < segmentHeadBytes || !bytes.subarray(0, 4).equals(segmentMark)) return undefined
  return bytes.readUInt32LE(8) === crc32(bytes.subarray(0, 8)) ? bytes.readUInt32LE(4) : undefined
}

/** Bytes of a change as a record. */
export function recordBytes({ key, value }: JournalChange): number {
  return recordHeadBytes + Buffer.byteLength(key) + (value?.length ?? 0)
}

/** Encodes changes, one record each, for a segment of this salt. */
export function encodeRecords(changes: readonly JournalChange[], salt: number): Buffer {
  const bytes = Buffer.allocUnsafe(changes.reduce((sum, change) => sum + recordBytes(change), 0))
  let from = 0
  for (const change of changes) from = encodeRecord(bytes, from, change, salt)
  return bytes
}

function encodeRecord(bytes: Buffer, from: number, { key, value }: JournalChange, salt: number): number {
  const keyEnd = from + recordHeadBytes + bytes.write(key, from + recordHeadBytes)
  const end = keyEnd + (value?.length ?? 0)
  bytes[from] = mark
  bytes[from + at.kind] = value === undefined ? kinds.delete : kinds.put
  bytes.writeUInt16LE(keyEnd - from - recordHeadBytes, from + at.keyBytes)
  bytes.writeUInt32LE(end - keyEnd, from + at.valueBytes)
  const head = headSum(bytes, from, salt)
  bytes.writeUInt16LE(head & checkMask, from + at.check)
  if (value !== undefined) bytes.set(value, keyEnd)
  bytes.writeUInt32LE(sumOf(bytes, { from, end, head }), from + at.crc)
  return end
}

/** Reads the records of a segment, its head left out. Damaged stretches are stepped over. */
export function scanRecords(bytes: Buffer, salt: number): Scan {
  const records: ScannedRecord[] = []
  let wholeEnd = segmentHeadBytes
  let damagedBytes = 0
  for (let from = segmentHeadBytes; from < bytes.length; ) {
    const record = readRecord(bytes, from, salt)
    if (record !== undefined) {
      damagedBytes += from - wholeEnd
      records.push(record)
      wholeEnd = record.end
      from = record.end
      continue
    }
    const next = bytes.indexOf(mark, from + 1)
    if (next === -1) break
    from = next
  }
  return { records, wholeEnd, damagedBytes }
}

function readRecord(bytes: Buffer, from: number, salt: number): ScannedRecord | undefined {
  if (from + recordHeadBytes > bytes.length || bytes[from] !== mark) return undefined
  const head = headSum(bytes, from, salt)
  if (bytes.readUInt16LE(from + at.check) !== (head & checkMask)) return undefined
  const kind = bytes[from + at.kind]
  const keyEnd = from + recordHeadBytes + bytes.readUInt16LE(from + at.keyBytes)
  const valueBytes = bytes.readUInt32LE(from + at.valueBytes)
  const end = keyEnd + valueBytes
  if (end > bytes.length || valueBytes > valueBytesMax) return undefined
  if (kind !== kinds.put && kind !== kinds.delete) return undefined
  if (bytes.readUInt32LE(from + at.crc) !== sumOf(bytes, { from, end, head })) return undefined
  return {
    key: bytes.toString('utf8', from + recordHeadBytes, keyEnd),
    value: kind === kinds.put ? bytes.subarray(keyEnd, end) : undefined,
    end,
  }
}

const crcTable = Uint32Array.from({ length: 256 }, (_, byte) => {
  let sum = byte
  for (let bit = 0; bit < 8; bit += 1) sum = sum & 1 ? (sum >>> 1) ^ 0xedb88320 : sum >>> 1
  return sum
})

/** The CRC of what stands before the CRC: for eight bytes a call of zlib's costs more than they do. */
function headSum(bytes: Buffer, from: number, salt: number): number {
  let sum = ~salt
  for (let index = from; index < from + at.crc; index += 1)
    sum = (crcTable[(sum ^ (bytes[index] ?? 0)) & 0xff] ?? 0) ^ (sum >>> 8)
  return ~sum >>> 0
}

/** The CRC of a record, itself left out; `head`: the CRC of what stands before it. */
function sumOf(
  bytes: Buffer,
  { from, end, head }: { readonly from: number; readonly end: number; readonly head: number },
): number {
  return crc32(bytes.subarray(from + at.check, end), head)
}
