/**
 * The log descriptor that Lambda hands some runtimes (`_LAMBDA_TELEMETRY_LOG_FD`): each record is a frame of its own, so that line
 * ends in it do not tear it apart. Layout as in AWS's own runtime clients, big-endian: type with level bits, length, microseconds.
 */
import { writeSync } from 'node:fs'
import type { LogLevel } from './log.js'

const headBytes = 16
const FrameType = { text: 0xa55a0003, json: 0xa55a0002 } as const
const levelBits: Readonly<Record<LogLevel, number>> = { debug: 0x08, info: 0x0c, warn: 0x10, error: 0x14 }

/** The descriptor's number; undefined when Lambda gave none. */
export function telemetryFd(env: Readonly<Record<string, string | undefined>>): number | undefined {
  const given = env._LAMBDA_TELEMETRY_LOG_FD
  return given !== undefined && /^\d{1,4}$/.test(given) ? Number(given) : undefined
}

/** One record as a frame. Pure. */
export function telemetryFrame(record: {
  readonly text: string
  readonly level: LogLevel
  readonly timeMs: number
  readonly isJson: boolean
}): Buffer {
  const { text, level, timeMs, isJson } = record
  const length = Buffer.byteLength(text)
  const frame = Buffer.allocUnsafe(headBytes + length)
  frame.writeUInt32BE(((isJson ? FrameType.json : FrameType.text) | levelBits[level]) >>> 0, 0)
  frame.writeUInt32BE(length, 4)
  frame.writeBigUInt64BE(BigInt(Math.round(timeMs * 1000)), 8)
  frame.write(text, headBytes)
  return frame
}

// Whoever made the descriptor may have made it non-blocking, and be slow for a moment.
const fullTriesMax = 5000
const fullWaitMs = 1

/** Writes all of it, however little the descriptor takes at once. Throws what the system says, a full pipe after 5 s. */
export function writeAll(fd: number, bytes: Buffer): void {
  for (let at = 0, tries = 0; at < bytes.length; ) {
    try {
      at += writeSync(fd, bytes, at)
      tries = 0
    } catch (error) {
      const isFull = error instanceof Error && 'code' in error && error.code === 'EAGAIN'
      if (!isFull || ++tries >= fullTriesMax) throw error
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, fullWaitMs)
    }
  }
}
