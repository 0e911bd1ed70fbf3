/**
 * Reads from a file what its first workers are started with, so that `rr bootstrap` can start them before it has loaded anything else.
 * Undefined wherever that takes more than the plain keys; the ordinary start reads the file in any case, and decides. Pure.
 */
import { childOf, scalarText, type Tree } from '../src/schema/tree.js'

/** Command and environment as they were written, variables included. */
export interface EarlyPlan {
  readonly command: string | readonly string[]
  /** Variables of `server:` and of the pool, the later over the earlier. */
  readonly env: readonly Readonly<Record<string, string>>[]
  readonly mode: string
  /** Number of workers that the first event waits for. */
  readonly count: number
}

const serverKeys: ReadonlySet<string> = new Set(['command', 'relay', 'env'])
// What a process is started with, beside its command and its environment.
const startKeys = ['user', 'group', 'umask', 'oom_score_adj', 'env_allow', 'cwd', 'runtime'] as const
const sectionsOfOthers = ['plugins', 'include', 'rpc'] as const
const modes: ReadonlySet<string> = new Set(['', 'raw', 'event', 'jobs', 'http'])
const countMax = 4

/** Reads the plan from a file without faults. */
export function earlyPlan(tree: Tree): EarlyPlan | undefined {
  if (sectionsOfOthers.some((name) => childOf(tree, name) !== undefined)) return undefined
  const [server, lambda] = [childOf(tree, 'server'), childOf(tree, 'lambda')]
  const pool = childOf(lambda, 'pool')
  const keys = server?.kind === 'map' ? [...server.entries.keys()] : []
  if (keys.some((key) => !serverKeys.has(key)) || pool?.kind === 'scalar') return undefined
  if (startKeys.some((key) => childOf(pool, key) !== undefined)) return undefined
  if (!['', 'auto', 'fifo'].includes(scalarText(childOf(server, 'relay')))) return undefined
  const command = commandOf(childOf(pool, 'command') ?? childOf(server, 'command'))
  const env = [childOf(server, 'env'), childOf(pool, 'env')].map(pairsOf)
  const mode = scalarText(childOf(lambda, 'mode'))
  const count = Number(scalarText(childOf(lambda, 'min_ready')) || 1)
  const isPlain = modes.has(mode) && Number.isInteger(count) && count > 0 && count <= countMax
  if (command === undefined || !isPlain) return undefined
  const pairs = env.filter((one) => one !== undefined)
  if (pairs.length < env.length) return undefined
  return { command, env: pairs, mode: mode === 'jobs' || mode === 'http' ? mode : 'lambda', count }
}

function commandOf(tree: Tree | undefined): EarlyPlan['command'] | undefined {
  if (tree?.kind === 'list') return tree.items.map((item) => scalarText(item))
  const text = scalarText(tree)
  return text === '' ? undefined : text
}

/** Undefined for RoadRunner's list of pairs, and for values that are not text. */
function pairsOf(tree: Tree | undefined): Readonly<Record<string, string>> | undefined {
  if (tree === undefined) return {}
  if (tree.kind !== 'map') return undefined
  const pairs = [...tree.entries].map(([name, { value }]) => [name, scalarText(value)] as const)
  const isText = [...tree.entries.values()].every(
    ({ value }) => value.kind === 'scalar' && value.value !== null,
  )
  return isText ? Object.fromEntries(pairs) : undefined
}
