/**
 * Tree + sections → validated values and every problem. Each section is normalised by its schema (`src/schema/normalise.ts`), held
 * against its constraints by ajv, and what ajv refuses is told in our words at the place where it was written.
 *
 * Validators of built-in sections were generated when the package was built, so that the start with a valid file need not load
 * ajv. A generated one is used only for the very section that it was made from.
 */
import { createHash } from 'node:crypto'
import { isObject } from '../../src/core/json.js'
import { normalise } from '../../src/schema/normalise.js'
import { type Section, type SectionFault, schemaOf } from '../../src/schema/section.js'
import type { Entry, Place, Problem, Tree } from '../../src/schema/tree.js'
import type { Violation } from './faults.js'
import { lenientEntries } from './lenient.js'
import { nearestName } from './nearest.js'
import { insteadOf, lostWork, plannedSections } from './roadrunner-keys.js'

/** A plugin and its section. */
export interface SectionOwner {
  readonly name: string
  readonly config: Section
  /** Place where the file lists the plugin; faults of an absent section point to it. */
  readonly at?: Place | undefined
}

/** The result. */
export interface Validated {
  /**
   * Per plugin that has its section in the file, or defaults for those asked for by `always`. A section with faults is as it
   * could be read.
   */
  readonly values: ReadonlyMap<string, unknown>
  readonly problems: readonly Problem[]
}

/** Top-level keys that no plugin owns. */
const ownKeys = ['version', 'plugins', 'include']

/**
 * Checks every section. `always` names plugins that are on without a section: they get their defaults. `known` names sections whose
 * values are known to be within their constraints. `isLenient`: the file is a `.rr.yaml`, read as RoadRunner reads it.
 */
export async function validateConfig(
  given: ReadonlyMap<string, Entry>,
  owners: readonly SectionOwner[],
  always: ReadonlySet<string>,
  known: ReadonlySet<string> = new Set(),
  isLenient = false,
): Promise<Validated> {
  const adapted = isLenient ? lenientEntries(given, owners, ownKeys) : { entries: given, problems: [] }
  const { entries } = adapted
  const problems: Problem[] = [...adapted.problems]
  const values = new Map<string, unknown>()
  const byName = new Map(owners.map((owner) => [owner.name, owner]))
  const check = async (owner: SectionOwner, tree?: Tree) => {
    const checked = await validateSection(owner, tree, known.has(owner.name))
    values.set(owner.name, checked.value)
    problems.push(...checked.problems)
  }
  for (const [key, entry] of entries) {
    const owner = byName.get(key)
    if (owner !== undefined) await check(owner, entry.value)
    else if (!ownKeys.includes(key)) problems.push(unowned(key, entry.at, [...byName.keys(), ...ownKeys]))
  }
  for (const name of always) {
    const owner = byName.get(name)
    if (owner !== undefined && !values.has(name)) await check(owner)
  }
  return { values, problems }
}

const nowhere: Place = { file: '', line: 1, column: 1 }

/** A section's value, as far as it could be read, and its problems. */
interface ValidatedSection {
  readonly value: unknown
  readonly problems: readonly Problem[]
}

/** Checks one section; undefined is one that was not written. */
export async function validateSection(
  { name, config, at = nowhere }: SectionOwner,
  tree: Tree | undefined,
  isKnown = false,
): Promise<ValidatedSection> {
  const { value, nodes, warnings } = normalise(schemaOf(config), tree, { path: name, at, insteadOf })
  const violations = isKnown ? [] : await validate(config, value)
  if (violations.length > 0) {
    const { faultsOf } = await import('./faults.js')
    return { value, problems: [...warnings, ...faultsOf(violations, nodes)] }
  }
  const faults = (config.check?.(value) ?? []).map((fault) => faultOf(fault, name, tree))
  return { value, problems: [...warnings, ...faults] }
}

async function validate(section: Section, value: unknown): Promise<readonly Violation[]> {
  // Most plugins without a section have no keys either, and ajv takes a while to load.
  if (hasNoKeys(section) && isObject(value) && Object.keys(value).length === 0) return []
  const { builtSections } = await import('./built-sections.js')
  if (builtSections[hashOf(section)]?.(value) === true) return []
  return (await import('./compile.js')).violationsOf(section, value)
}

function hasNoKeys({ properties, entries }: Section): boolean {
  return entries === undefined && Object.keys(properties).length === 0
}

/** Identifies what a section takes. */
export function hashOf(section: Section): string {
  return createHash('sha256')
    .update(JSON.stringify(schemaOf(section)))
    .digest('hex')
}

function faultOf({ key, what, hint }: SectionFault, name: string, tree: Tree | undefined): Problem {
  const more = hint === undefined ? {} : { hint }
  return { severity: 'error', at: placeOf(tree, key), what: `"${name}.${key}": ${what}`, ...more }
}

function unowned(key: string, at: Place, names: readonly string[]): Problem {
  const instead = insteadOf(key)
  if (instead !== undefined)
    return { severity: 'warning', at, what: `"${key}" has no meaning here`, hint: instead }
  const lost = lostWork.get(key)
  if (lost !== undefined)
    return { severity: 'error', at, what: `section "${key}" is not supported`, hint: lost }
  if (plannedSections.has(key))
    return { severity: 'error', at, what: `section "${key}" is not supported yet` }
  const nearest = nearestName(key, names)
  const what = `section "${key}" belongs to no plugin`
  const more = nearest === undefined ? { hint: 'is its plugin listed under `plugins:`?' } : { nearest }
  return { severity: 'error', at, what, ...more }
}

/** Finds the place of a key; of the nearest parent that was written, when the key was not. */
function placeOf(tree: Tree | undefined, key: string): Place {
  let [at, node] = [tree?.at ?? nowhere, tree]
  for (const name of key.split('.')) {
    const entry = node?.kind === 'map' ? node.entries.get(name) : undefined
    if (entry === undefined) break
    at = entry.at
    node = entry.value
  }
  return at
}
