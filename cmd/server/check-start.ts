/** Faults of a configuration that only its start would show, as far as they can be known without starting anything: for `rr validate`. */
import { statSync } from 'node:fs'
import { resolve } from 'node:path'
import { nearestName } from '../../config/validation/nearest.js'
import { commandWords } from '../../src/core/command-words.js'
import { RelayError } from '../../src/core/errors.js'
import type { Schema } from '../../src/schema/kinds.js'
import { childOf, type Place, type Problem, scalarText, type Tree } from '../../src/schema/tree.js'
import { keyText } from '../../src/supervisor/plugins/keys.js'
import { planPlugins } from '../../src/supervisor/plugins/plan.js'
import { processProperties } from '../../src/supervisor/pool/process-keys.js'
import { hostServices } from '../../src/supervisor/services.js'
import { resolveIdentity } from '../../src/supervisor/worker/os/identity.js'
import { hostPortFault, socketFault } from './check-addresses.js'
import { boltDbProblems } from './check-boltdb.js'
import { commandFault } from './check-command.js'
import { packageProblems } from './check-packages.js'
import { refusalProblems } from './check-refusals.js'
import { endlessRetries } from './check-retries.js'
import { type StartPlan, shownFile } from './plan.js'

/** Lists every problem that would keep a server from starting, and what is worth a note, each once, with its place in the file. */
export function checkStart(plan: StartPlan): readonly Problem[] {
  const checker = new Checker(plan)
  checker.plugins()
  checker.addresses()
  checker.pools()
  return [
    ...checker.problems,
    ...boltDbProblems(plan),
    ...packageProblems(plan),
    ...refusalProblems(plan),
    ...endlessRetries(plan),
  ]
}

/** Counts the pools of a configuration and its plugins that are not built in. */
export function startCounts(plan: StartPlan): { readonly pools: number; readonly plugins: number } {
  return { pools: poolsOf(plan).filter(({ isOwn }) => isOwn).length, plugins: plan.listed.size }
}

/** A pool that the start opens, or a reference to one by name. */
interface PoolUse {
  readonly name: string
  readonly at: Place
  readonly tree: Tree | undefined
  /** False for a reference to a pool under `pools:`. */
  readonly isOwn: boolean
}

const defaultPath = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'

class Checker {
  readonly problems: Problem[] = []
  readonly #plan: StartPlan
  readonly #server: Tree | undefined

  constructor(plan: StartPlan) {
    this.#plan = plan
    this.#server = plan.entries.get('server')?.value
  }

  plugins(): void {
    const all = this.#plan.plugins.map(({ plugin }) => plugin)
    try {
      planPlugins(all, new Set(hostServices.map(keyText)))
    } catch (error) {
      if (!(error instanceof RelayError)) throw error
      const named = all.find(({ name }) => error.message.includes(`"${name}"`) && this.#plan.listed.has(name))
      const [first] = this.#plan.listed.values()
      const at = (named && this.#plan.listed.get(named.name)) ?? first ?? fileStart(this.#plan)
      this.#fail(at, error.message, error.hint)
    }
  }

  addresses(): void {
    const { entries, cwd } = this.#plan
    const check = (path: readonly [string, string], faultOf: (text: string) => string | undefined) => {
      const tree = childOf(entries.get(path[0])?.value, path[1])
      const what = tree === undefined ? undefined : faultOf(scalarText(tree))
      if (tree !== undefined && what !== undefined) this.#fail(tree.at, `"${path.join('.')}": ${what}`)
    }
    check(['emulator', 'address'], hostPortFault)
    check(['server', 'relay'], (text) => socketFault(text, cwd))
    check(['rpc', 'listen'], (text) => (text.startsWith('unix://') ? socketFault(text, cwd) : undefined))
  }

  pools(): void {
    const all = poolsOf(this.#plan)
    const declared = [...keysOf(this.#plan.entries.get('pools')?.value).keys()]
    for (const pool of all) {
      if (pool.isOwn) this.#pool(pool)
      else if (!declared.includes(pool.name)) this.#unknown(pool, declared)
    }
  }

  #unknown({ name, at }: PoolUse, declared: readonly string[]): void {
    const nearest = nearestName(name, declared)
    this.problems.push({
      severity: 'error',
      at,
      what: `there is no pool "${name}"`,
      expected: declared.length === 0 ? 'one that `pools:` declares' : `one of ${declared.join(', ')}`,
      ...(nearest === undefined ? {} : { nearest }),
    })
  }

  #pool(pool: PoolUse): void {
    const isThread = scalarText(childOf(pool.tree, 'runtime')) === 'thread'
    const folder = isThread ? this.#plan.cwd : this.#folder(pool)
    if (isThread) this.#threadKeys(pool)
    else this.#identity(pool)
    const command = written(childOf(pool.tree, 'command')) ?? written(childOf(this.#server, 'command'))
    if (command === undefined) {
      // A handler that was not found has been reported already, and an unknown key may be a misspelt `command`.
      const isTold = this.#plan.problems.some(({ what }) => what.startsWith('unknown key'))
      if (childOf(this.#server, 'handler') === undefined && !isTold)
        this.#fail(
          pool.at,
          `pool "${pool.name}" has no command`,
          'set `server.command`, `server.handler`, or `command` in the pool',
        )
      return
    }
    const words = wordsOf(command)
    // Words of a shell have been reported with what to write instead: nothing is to be installed.
    const isShell = this.#plan.problems.some(
      ({ what, at }) => what.includes('no shell reads this command') && at.line === command.at.line,
    )
    if (words === undefined || folder === undefined) return
    const fault = commandFault({ words, cwd: folder, path: this.#path(pool), isThread })
    const hint = isShell ? 'it is a word for a shell, and none reads the command' : fault?.hint
    if (fault !== undefined) this.#fail(command.at, fault.what, hint)
  }

  /** Returns the folder that workers start in; reports a missing one and returns undefined. */
  #folder(pool: PoolUse): string | undefined {
    const tree = childOf(pool.tree, 'cwd') ?? childOf(this.#server, 'cwd')
    if (tree === undefined) return this.#plan.cwd
    const path = resolve(this.#plan.cwd, scalarText(tree))
    if (statSync(path, { throwIfNoEntry: false })?.isDirectory() === true) return path
    this.#fail(tree.at, `"cwd": there is no folder ${path}`)
    return undefined
  }

  #identity(pool: PoolUse): void {
    const [own, server] = [pool.tree, this.#server]
    const user = childOf(own, 'user') ?? childOf(server, 'user')
    const inherited = childOf(own, 'user') === undefined ? childOf(server, 'group') : undefined
    const group = childOf(own, 'group') ?? inherited
    const at = user?.at ?? group?.at
    if (at === undefined) return
    try {
      resolveIdentity({
        pool: pool.name,
        user: user && scalarText(user),
        group: group && scalarText(group),
        path: this.#plan.env.PATH ?? defaultPath,
        own: { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 },
      })
    } catch (error) {
      if (!(error instanceof RelayError)) throw error
      this.#fail(at, error.message, error.hint)
    }
  }

  #threadKeys(pool: PoolUse): void {
    for (const key of [...Object.keys(processProperties), 'env']) {
      const tree = childOf(pool.tree, key)
      if (tree !== undefined)
        this.#fail(tree.at, `"${key}" is for processes, and pool "${pool.name}" has runtime: thread`)
    }
  }

  #path(pool: PoolUse): string {
    const env = [childOf(pool.tree, 'env'), childOf(this.#server, 'env')]
    const maps = env.flatMap((tree) => (tree?.kind === 'list' ? [...tree.items].reverse() : [tree]))
    const own = maps.map((map) => childOf(map, 'PATH')).find((tree) => tree !== undefined)
    return own === undefined ? (this.#plan.env.PATH ?? defaultPath) : scalarText(own)
  }

  #fail(at: Place, what: string, hint?: string): void {
    // Pools share the command of `server:`: report it once.
    const isTold = this.problems.some((one) => one.what === what && one.at.line === at.line)
    if (!isTold) this.problems.push({ severity: 'error', at, what, ...(hint === undefined ? {} : { hint }) })
  }
}

function poolsOf({ plugins, entries, listed, file }: StartPlan): readonly PoolUse[] {
  const declared = [...keysOf(entries.get('pools')?.value)].map(
    ([name, { at, value }]): PoolUse => ({ name, at, tree: value, isOwn: true }),
  )
  const wanted = plugins.flatMap(({ plugin }) => {
    const section = entries.get(plugin.name)
    const at = section?.at ?? listed.get(plugin.name) ?? fileStart({ file })
    return Object.entries(plugin.config.properties).flatMap(([key, schema]): PoolUse[] => {
      if (!isPool(schema)) return []
      const tree = childOf(section?.value, key)
      if (tree?.kind === 'scalar')
        return [{ name: scalarText(tree), at: tree.at, tree: undefined, isOwn: false }]
      return [{ name: plugin.name, at, tree, isOwn: true }]
    })
  })
  const ofPipelines = [...keysOf(childOf(entries.get('jobs')?.value, 'pipelines')).values()].flatMap(
    ({ value }): PoolUse[] => {
      const tree = childOf(value, 'pool')
      return tree === undefined
        ? []
        : [{ name: scalarText(tree), at: tree.at, tree: undefined, isOwn: false }]
    },
  )
  return [...declared, ...wanted, ...ofPipelines]
}

/** True for a key of a section that opens a pool: its value has the keys of a pool. */
function isPool(schema: Schema): boolean {
  if ('anyOf' in schema) return schema.anyOf.some(isPool)
  return schema.type === 'object' && 'num_workers' in schema.properties && 'command' in schema.properties
}

function fileStart({ file }: Pick<StartPlan, 'file'>): Place {
  return { file: shownFile(file), line: 1, column: 1 }
}

function keysOf(tree: Tree | undefined) {
  return tree?.kind === 'map' ? tree.entries : new Map<string, { at: Place; value: Tree }>()
}

/** Returns the command unless it is empty. */
function written(tree: Tree | undefined): Tree | undefined {
  return tree?.kind === 'list'
    ? tree.items.length > 0
      ? tree
      : undefined
    : scalarText(tree) === ''
      ? undefined
      : tree
}

function wordsOf(command: Tree): readonly string[] | undefined {
  return command.kind === 'list' ? command.items.map(scalarText) : commandWords(scalarText(command))
}
