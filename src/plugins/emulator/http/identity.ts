/**
 * Identifies the process that listens on an emulator's address, so that a command can check it before it sends an event.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'

/** Path of the identity. */
export const identityRoute = '/relayrunner'

/** Identity of the process that listens. */
export interface EmulatorIdentity {
  readonly server: 'relayrunner'
  readonly pid: number
  /** The project: the working directory of server and workers. */
  readonly folder: string
  /** `rr lambda run`, which starts its function itself, or a server. */
  readonly runs: 'environment' | 'server'
}

/** Answers a request for the identity and returns true; leaves all others alone. */
export function answerIdentity(
  request: IncomingMessage,
  response: ServerResponse,
  identity: EmulatorIdentity,
): boolean {
  if (request.method !== 'GET' || request.url !== identityRoute) return false
  request.resume()
  response.writeHead(200, { 'Content-Type': 'application/json' }).end(JSON.stringify(identity))
  return true
}

/** Reads such an answer; undefined when another program answered. */
export function readIdentity(text: string): EmulatorIdentity | undefined {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return undefined
  }
  return isIdentity(value) ? value : undefined
}

function isIdentity(value: unknown): value is EmulatorIdentity {
  return (
    typeof value === 'object' &&
    value !== null &&
    'server' in value &&
    value.server === 'relayrunner' &&
    'pid' in value &&
    typeof value.pid === 'number' &&
    'folder' in value &&
    typeof value.folder === 'string' &&
    'runs' in value &&
    (value.runs === 'environment' || value.runs === 'server')
  )
}
