/** Finds BoltDB files of RoadRunner's that a start would refuse: pipelines and storages name them. Pure but for a look at the files. */
import { boltDbFileFault } from '../../src/plugins/index.js'
import { childOf, type Problem, scalarText, type Tree } from '../../src/schema/tree.js'
import type { StartPlan } from './plan.js'

/** Lists the files that are there, each at the place that names it. */
export function boltDbProblems({ entries, cwd }: Pick<StartPlan, 'entries' | 'cwd'>): readonly Problem[] {
  if (scalarText(childOf(entries.get('boltdb')?.value, 'ignore_existing')) === 'true') return []
  return [childOf(entries.get('jobs')?.value, 'pipelines'), entries.get('kv')?.value].flatMap((named) =>
    valuesOf(named).flatMap((one) => problemOf(one, cwd)),
  )
}

function problemOf(named: Tree, cwd: string): readonly Problem[] {
  if (scalarText(childOf(named, 'driver')) !== 'boltdb') return []
  const file = childOf(childOf(named, 'config'), 'file')
  const fault = boltDbFileFault(file && scalarText(file), cwd)
  if (fault === undefined) return []
  const hint = fault.hint === undefined ? {} : { hint: fault.hint }
  return [{ severity: 'error', at: (file ?? named).at, what: fault.message, ...hint }]
}

function valuesOf(tree: Tree | undefined): readonly Tree[] {
  return tree?.kind === 'map' ? [...tree.entries.values()].map(({ value }) => value) : []
}
