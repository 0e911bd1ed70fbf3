/**
 * Finds sections whose workers would be an ordinary handler of `server.handler` that cannot do their work: it takes events as Lambda sends
 * them, and answers nothing else. Pure.
 */
import { childOf, type Entry, type Place, type Problem, scalarText, type Tree } from '../src/schema/tree.js'

/** An ordinary handler that stands for `server.command`. */
export interface OrdinaryHandler {
  readonly name: string
  readonly at: Place
}

type Sections = ReadonlyMap<string, Entry>

/** Lists the sections among `active` that would run the handler and cannot, each once, at the handler's place. */
export function handlerUseFaults(
  { name, at }: OrdinaryHandler,
  entries: Sections,
  active: ReadonlySet<string>,
): readonly Problem[] {
  return Object.entries(uses).flatMap(([section, { runs, why, hint }]) => {
    const written = active.has(section) ? entries.get(section) : undefined
    if (written === undefined || !runs(written.value, entries)) return []
    const place = `\`${section}:\` (${written.at.file}:${written.at.line})`
    return [{ severity: 'error', at, what: `"server.handler": "${name}" ${why}, and ${place} uses it`, hint }]
  })
}

/** A section whose workers may run the command of `server:`. */
interface Use {
  readonly runs: (section: Tree, entries: Sections) => boolean
  readonly why: string
  readonly hint: string
}

const uses: Readonly<Record<string, Use>> = {
  http: {
    runs: (section, entries) => [childOf(section, 'pool'), ...pools(section)].some(inheritsIn(entries)),
    why: 'takes events of Lambda, it cannot answer HTTP requests',
    hint: 'Set `server.command` (or `http.pool.command`) to a worker for HTTP: `serve(fetchHandler(app.fetch))` in Node, `serve(asgi_handler(app))` in Python, a PSR-7 worker in PHP. For events of API Gateway use `lambda:` with `emulator:` instead of `http:`.',
  },
  grpc: {
    runs: (section, entries) => inheritsIn(entries)(childOf(section, 'pool')),
    why: 'takes events of Lambda, it cannot answer gRPC calls',
    hint: 'Set `server.command` (or `grpc.pool.command`) to a worker for gRPC.',
  },
  jobs: {
    runs: (section, entries) =>
      scalarText(childOf(section, 'mode')) !== 'raw' && jobPools(section).some(inheritsIn(entries)),
    why: 'takes events of Lambda, it cannot read jobs in RoadRunner’s protocol',
    hint: 'Add `mode: raw` to `jobs:`, and each job comes as an event with one record; or set `server.command` (or `jobs.pool.command`) to a worker for `mode: jobs`.',
  },
}

/** The further pools of `http`. */
function pools(section: Tree): readonly Tree[] {
  return valuesOf(childOf(section, 'pools'))
}

/** The pools of jobs: that of the section only where a pipeline, or one declared later, may need it. */
function jobPools(section: Tree): readonly (Tree | undefined)[] {
  const own = valuesOf(childOf(section, 'pipelines')).map((pipeline) => childOf(pipeline, 'pool'))
  const named = own.filter((pool) => pool !== undefined)
  return named.length === own.length && own.length > 0 ? named : [childOf(section, 'pool'), ...named]
}

/** Tells whether a pool, given by its keys or its name under `pools:`, has no command of its own. */
function inheritsIn(entries: Sections): (pool: Tree | undefined) => boolean {
  return (pool) => {
    const keys = pool?.kind === 'scalar' ? childOf(entries.get('pools')?.value, scalarText(pool)) : pool
    const command = childOf(keys, 'command')
    return command?.kind === 'list' ? command.items.length === 0 : scalarText(command) === ''
  }
}

function valuesOf(tree: Tree | undefined): readonly Tree[] {
  return tree?.kind === 'map' ? [...tree.entries.values()].map(({ value }) => value) : []
}
