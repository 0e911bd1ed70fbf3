/**
 * Builds the part of a configuration that follows from a handler's name: all of it without a file, the command in a file with
 * `server.handler`.
 */
import { ErrorCode, RelayError } from '../src/core/errors.js'
import type { Entry, Place, Problem, Tree } from '../src/schema/tree.js'
import { type HandlerCommand, type HandlerSearch, handlerCommand, handlerForms } from './handler.js'
import type { OrdinaryHandler } from './handler-uses.js'

/**
 * Builds the configuration without a file. `source` names in messages where the handler came from. Throws RR_CONFIG_NOT_FOUND
 * when no file fits the name.
 */
export function zeroConfig(handler: string, source: string, options: HandlerSearch): Tree {
  const found = handlerCommand(handler, options)
  if (found === undefined) {
    const named = handler === '' ? `${source} is not set` : `${source}="${handler}" does not name a file`
    throw new RelayError(
      ErrorCode.ConfigNotFound,
      `no configuration file found, and ${named} in ${options.folder}`,
      { hint: `Ship an rr.yaml, or set the handler to ${handlerForms}.` },
    )
  }
  const at: Place = { file: `(zero configuration of ${source}=${handler})`, line: 1, column: 1 }
  return mapOf(at, {
    version: textOf(at, '3'),
    server: mapOf(at, { command: commandOf(at, found), env: textsOf(at, found.variables) }),
    lambda: mapOf(at, { mode: textOf(at, found.mode), pool: mapOf(at, { num_workers: textOf(at, 'auto') }) }),
  })
}

/** Sections of a file and their problems. */
export interface ExpandedSections {
  readonly entries: ReadonlyMap<string, Entry>
  readonly problems: readonly Problem[]
  /** The ordinary handler that workers run, if there is one. */
  readonly ordinary?: OrdinaryHandler
}

/** Replaces `server.handler` by the command that it stands for. A section `lambda` without a mode gets the one that fits. */
export function expandHandler(entries: ReadonlyMap<string, Entry>, options: HandlerSearch): ExpandedSections {
  const server = keysOf(entries.get('server'))
  const handler = server.get('handler')?.value
  // Validation reports any value that is not a text.
  if (handler?.kind !== 'scalar' || typeof handler.value !== 'string' || handler.value === '')
    return { entries, problems: [] }
  const { at } = handler
  const problem = (what: string, expected: string): ExpandedSections => ({
    entries,
    problems: [{ severity: 'error', at, what, expected }],
  })
  if (server.has('command')) return problem('"server.handler" beside "server.command"', 'one of the two')
  const env = server.get('env')?.value
  const found = handlerCommand(handler.value, {
    ...options,
    env: { ...options.env, PYTHONPATH: textIn(env, 'PYTHONPATH') ?? options.env.PYTHONPATH },
  })
  if (found === undefined)
    return problem(
      `"server.handler": "${handler.value}" does not name a file in ${options.folder}`,
      handlerForms,
    )
  const sections = new Map(entries)
  setKeys(sections, 'server', at, {
    command: commandOf(at, found),
    env: withTexts(env, textsOf(at, found.variables)),
  })
  const lambda = entries.get('lambda')
  if (lambda !== undefined && !keysOf(lambda).has('mode'))
    setKeys(sections, 'lambda', at, { mode: textOf(at, found.mode) })
  const ordinary = found.mode === 'event' ? { ordinary: { name: handler.value, at } } : {}
  return { entries: sections, problems: [], ...ordinary }
}

/** Makes `handler` (named on the command line) what a file's workers run, in place of its own command; it answers Lambda events. */
export function withHandler(
  entries: ReadonlyMap<string, Entry>,
  handler: string,
): ReadonlyMap<string, Entry> {
  const at: Place = { file: '(the handler on the command line)', line: 1, column: 1 }
  const sections = new Map(entries)
  setKeys(sections, 'server', at, { handler: textOf(at, handler) }, ['command'])
  if (!sections.has('lambda')) setKeys(sections, 'lambda', at, {})
  return sections
}

function keysOf(entry: Entry | undefined): ReadonlyMap<string, Entry> {
  return entry?.value.kind === 'map' ? entry.value.entries : new Map()
}

function setKeys(
  sections: Map<string, Entry>,
  name: string,
  at: Place,
  values: Readonly<Record<string, Tree>>,
  removed: readonly string[] = [],
): void {
  const old = sections.get(name)
  const keys = new Map(keysOf(old))
  for (const key of removed) keys.delete(key)
  for (const [key, value] of Object.entries(values)) keys.set(key, { at, value })
  const value: Tree = { kind: 'map', entries: keys, at: old?.value.at ?? at }
  sections.set(name, { at: old?.at ?? at, value })
}

/** A file's `env`, which is a map or RoadRunner's list of pairs, with the variables of `added`. */
function withTexts(env: Tree | undefined, added: Tree & { kind: 'map' }): Tree {
  if (env?.kind === 'list') return { ...env, items: [...env.items, added] }
  return env?.kind === 'map' ? { ...env, entries: new Map([...env.entries, ...added.entries]) } : added
}

function textIn(env: Tree | undefined, name: string): string | undefined {
  const maps = env?.kind === 'list' ? env.items : env === undefined ? [] : [env]
  const values = maps.map((map) => (map.kind === 'map' ? map.entries.get(name)?.value : undefined))
  const value = values.findLast((one) => one?.kind === 'scalar')
  return value?.kind === 'scalar' && value.value !== null ? String(value.value) : undefined
}

function commandOf(at: Place, { command }: HandlerCommand): Tree {
  return { kind: 'list', items: command.map((word) => textOf(at, word)), at }
}

function textOf(at: Place, value: string): Tree {
  return { kind: 'scalar', value, isQuoted: true, at }
}

function textsOf(at: Place, values: Readonly<Record<string, string>>): Tree & { kind: 'map' } {
  const pairs = Object.entries(values).map(([key, value]): [string, Tree] => [key, textOf(at, value)])
  return mapOf(at, Object.fromEntries(pairs))
}

function mapOf(at: Place, values: Readonly<Record<string, Tree>>): Tree & { kind: 'map' } {
  const entries = Object.entries(values).map(([key, value]): [string, Entry] => [key, { at, value }])
  return { kind: 'map', entries: new Map(entries), at }
}
