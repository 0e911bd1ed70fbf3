/**
 * The log descriptor that Lambda hands some runtimes (`_LAMBDA_TELEMETRY_LOG_FD`): each record is a frame of its own, so
 * that it may hold line ends. Layout as in AWS's own runtime clients, big-endian: type with level bits, length,
 * microseconds.
 */
import type { LogLevel } from '../logging/logger.js'
import type { FrameContent } from '../logging/shape.js'

const headBytes = 16
const FrameType = { text: 0xa55a0003, json: 0xa55a0002 } as const
const levelBits: Readonly<Record<LogLevel, number>> = { debug: 0x08, info: 0x0c, warn: 0x10, error: 0x14 }

/** The descriptor's number; undefined when Lambda gave none. */
export function telemetryFd(env: Readonly<Record<string, string | undefined>>): number | undefined {
  const given = env._LAMBDA_TELEMETRY_LOG_FD
  return given !== undefined && /^\d{1,4}$/.test(given) ? Number(given) : undefined
}

/** Encodes one line as a frame. Pure. */
export function telemetryFrame({ text, level, timeMs }: FrameContent, isJson: boolean): Buffer {
  const length = Buffer.byteLength(text)
  const frame = Buffer.allocUnsafe(headBytes + length)
  frame.writeUInt32BE(((isJson ? FrameType.json : FrameType.text) | levelBits[level]) >>> 0, 0)
  frame.writeUInt32BE(length, 4)
  frame.writeBigUInt64BE(BigInt(Math.round(timeMs * 1000)), 8)
  frame.write(text, headBytes)
  return frame
}
