/** Finds reasons of single sections for which `rr serve` refuses to start, or goes on without their work. Pure but for a look at folders. */
import { accessSync, constants, existsSync, statSync } from 'node:fs'
import { userInfo } from 'node:os'
import { dirname, resolve } from 'node:path'
import { nearestName } from '../../config/validation/nearest.js'
import { boltDbPart, journalPart, middlewareNames, middlewareService } from '../../src/plugins/index.js'
import { childOf, type Place, type Problem, scalarText, type Tree } from '../../src/schema/tree.js'
import { providedKeys } from '../../src/supervisor/plugins/definition.js'
import type { StartPlan } from './plan.js'

/** Lists them, each at its place. */
export function refusalProblems(plan: StartPlan): readonly Problem[] {
  return [...middlewareProblems(plan), ...sourceProblems(plan), ...journalProblems(plan)]
}

/** Names of `http.middleware` that nothing provides. Those that plugins bring are known only once they run. */
function middlewareProblems({ entries, active, listed }: StartPlan): readonly Problem[] {
  const brings = (name: string, keys: readonly { readonly name: string }[]) =>
    listed.has(name) && keys.some((key) => key.name === middlewareService)
  if (active.some((plugin) => brings(plugin.name, providedKeys(plugin)))) return []
  const list = childOf(entries.get('http')?.value, 'middleware')
  const known: readonly string[] = middlewareNames
  return scalars(list).flatMap(({ text, at }) =>
    text.split(',').flatMap((part): readonly Problem[] => {
      const name = part.trim()
      if (name === 'otel' && !entries.has('otel'))
        return [
          fault(
            at,
            '"http.middleware" names "otel", and there is no section "otel"',
            'add one, or remove the word',
          ),
        ]
      if (name === '' || known.includes(name)) return []
      const nearest = nearestName(name, known)
      return [
        {
          severity: 'error',
          at,
          what: `"http.middleware" names "${name}", which nothing provides`,
          expected: `one of ${known.join(', ')}, or one of a plugin under \`plugins:\``,
          ...(nearest === undefined ? {} : { nearest }),
        },
      ]
    }),
  )
}

/** `lambda` without anything to pull events from: in order for Lambda and `rr dev`, and refused by `rr serve`. */
function sourceProblems({ entries, env }: StartPlan): readonly Problem[] {
  const section = entries.get('lambda')
  if (section === undefined || entries.has('emulator') || env.AWS_LAMBDA_RUNTIME_API) return []
  const isForServe = ['http', 'jobs', 'grpc'].some((name) => entries.has(name))
  return [
    {
      severity: isForServe ? 'warning' : 'note',
      at: section.at,
      what: '`rr serve` refuses this outside Lambda (RR_NOTHING_TO_PULL): `lambda:` has nothing to pull events from',
      hint: 'it is for `rr bootstrap` and `rr dev`; `rr serve` needs an `emulator:` section',
    },
  ]
}

/** Folders of journals that this user cannot write. `rr serve` refuses those of storages, and goes on without those of pipelines. */
function journalProblems({ entries, cwd }: StartPlan): readonly Problem[] {
  const check =
    (severity: Problem['severity']) =>
    (named: Tree): readonly Problem[] => {
      const folder = journalOf(named)
      const what = folder && folderFault(resolve(cwd, folder.path))
      return what === undefined ? [] : [{ severity, at: folder?.at ?? named.at, what, hint }]
    }
  const hint = 'let it write there, or name another folder; it matters which user runs the server'
  return [
    ...valuesOf(childOf(entries.get('jobs')?.value, 'pipelines')).flatMap(check('warning')),
    ...valuesOf(entries.get('kv')?.value).flatMap(check('error')),
  ]
}

function journalOf(named: Tree): { readonly path: string; readonly at: Place } | undefined {
  const driver = childOf(named, 'driver')
  const config = childOf(named, 'config')
  const name = scalarText(driver)
  if (name !== 'journal' && name !== 'boltdb') return undefined
  const key = childOf(config, name === 'journal' ? 'path' : 'file')
  const at = key?.at ?? driver?.at ?? named.at
  if (name === 'journal') return { path: scalarText(key) || journalPart.properties.path.default, at }
  return { path: `${scalarText(key) || boltDbPart.properties.file.default}.journal`, at }
}

function folderFault(folder: string): string | undefined {
  if (!existsSync(folder)) return dirname(folder) === folder ? undefined : folderFault(dirname(folder))
  if (!statSync(folder).isDirectory()) return `${folder} is not a folder, and a journal is one`
  try {
    accessSync(folder, constants.W_OK | constants.X_OK)
    return undefined
  } catch {
    return `the user ${userInfo().username} cannot write the folder ${folder}, where a journal is to be`
  }
}

function fault(at: Place, what: string, hint: string): Problem {
  return { severity: 'error', at, what, hint }
}

function scalars(tree: Tree | undefined): readonly { readonly text: string; readonly at: Place }[] {
  const items = tree?.kind === 'list' ? tree.items : tree === undefined ? [] : [tree]
  return items.map((item) => ({ text: scalarText(item), at: item.at }))
}

function valuesOf(tree: Tree | undefined): readonly Tree[] {
  return tree?.kind === 'map' ? [...tree.entries.values()].map(({ value }) => value) : []
}
