/** Encodes records as GELF 1.1, Graylog's format: https://go2docs.graylog.org (GELF payload specification). Pure. */
import { hostname } from 'node:os'
import type { LogRecord } from './encode.js'
import type { LogLevel } from './logger.js'
import { jsonText } from './values.js'

/** Levels of syslog. */
const severity: Readonly<Record<LogLevel, number>> = { error: 3, warn: 4, info: 6, debug: 7 }
/** Over TCP a message ends with a zero byte. */
const end = '\0'

/** Makes the bytes of a record: fields become `_NAME`, values that are neither texts nor numbers their JSON. */
export function gelfText({ timeMs, level, logger, shownLogger, message, fields }: LogRecord): string {
  const members = [
    '"version":"1.1"',
    `"host":${JSON.stringify(hostname())}`,
    // It must not be empty.
    `"short_message":${JSON.stringify(message === '' ? '-' : message)}`,
    `"timestamp":${(timeMs / 1000).toFixed(3)}`,
    `"level":${severity[level]}`,
    `"_logger":${JSON.stringify(shownLogger ?? logger)}`,
  ]
  for (const [key, value] of Object.entries(fields)) {
    if (value === undefined) continue
    const json = jsonText(value)
    const isPlain = json.startsWith('"') || /^-?\d/.test(json)
    members.push(`${JSON.stringify(fieldName(key))}:${isPlain ? json : JSON.stringify(json)}`)
  }
  return `{${members.join(',')}}${end}`
}

/** `_id` is reserved, and names have letters, digits, `_`, `-` and `.` only. */
function fieldName(key: string): string {
  const name = key.replace(/[^\w.-]/g, '_')
  return name === 'id' ? '_id_' : `_${name}`
}
