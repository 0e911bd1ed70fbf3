/**
 * Evaluates values of a template: parameters by their defaults, conditions and mappings as far as those decide them,
 * references to resources of the same template. Values that only the deployment knows are `unknown`, never guessed.
 */
import type { Entry, Tree } from '../schema/tree.js'

/** A value whose top level has no functions, a resource of this template, `absent`, or `unknown`. */
export type Resolved =
  | { readonly kind: 'value'; readonly tree: Tree }
  | { readonly kind: 'resource'; readonly id: string }
  | { readonly kind: 'absent' }
  | { readonly kind: 'unknown' }

type MapTree = Tree & { kind: 'map' }

const unknown: Resolved = { kind: 'unknown' }
const absent: Resolved = { kind: 'absent' }
// References may form a cycle; no sensible template nests deeper.
const depthMax = 32

/** One resource of the template. */
export interface Resource {
  readonly id: string
  readonly type: string
  readonly entry: Entry
  readonly properties: Tree | undefined
}

/** A template's parts, by name. */
export class Template {
  readonly resources: ReadonlyMap<string, Resource>
  readonly #parameters: ReadonlyMap<string, Entry>
  readonly #conditions: ReadonlyMap<string, Entry>
  readonly #mappings: Tree | undefined
  readonly #given: ReadonlyMap<string, string>

  /** `given` are parameters' values, by name. */
  constructor(root: Tree, given: ReadonlyMap<string, string> = new Map()) {
    this.resources = new Map(
      [...entriesOf(memberOf(root, 'Resources'))].map(([id, entry]) => [id, resource(id, entry)]),
    )
    this.#parameters = entriesOf(memberOf(root, 'Parameters'))
    this.#conditions = entriesOf(memberOf(root, 'Conditions'))
    this.#mappings = memberOf(root, 'Mappings')
    this.#given = given
  }

  /** Evaluates the functions at the top level of a value. */
  resolve(tree: Tree | undefined, depth = 0): Resolved {
    if (tree === undefined) return absent
    if (depth > depthMax) return unknown
    const call = callOf(tree)
    if (call === undefined) return this.#literal(tree)
    const { name, argument } = call
    switch (name) {
      case 'Ref':
        return this.#ref(argument, tree, depth)
      case 'Fn::GetAtt':
        return this.#resource(firstWord(argument))
      case 'Fn::Sub':
        return this.#sub(argument, tree, depth)
      case 'Fn::If':
        return this.#if(argument, depth)
      case 'Fn::FindInMap':
        return this.#findInMap(argument, depth)
      case 'Fn::Join':
        return this.#join(argument, tree, depth)
      default:
        return unknown
    }
  }

  /** The value as text; undefined when it is none, or not known. */
  text(tree: Tree | undefined, depth = 0): string | undefined {
    const resolved = this.resolve(tree, depth)
    if (resolved.kind !== 'value' || resolved.tree.kind !== 'scalar') return undefined
    return String(resolved.tree.value)
  }

  #literal(tree: Tree): Resolved {
    if (tree.kind === 'scalar' && tree.value === null) return absent
    return { kind: 'value', tree }
  }

  #ref(argument: Tree, tree: Tree, depth: number): Resolved {
    const name = wordOf(argument)
    if (name === 'AWS::NoValue') return absent
    if (name.startsWith('AWS::')) return { kind: 'value', tree: text(`\${${name}}`, tree) }
    const given = this.#given.get(name)
    if (given !== undefined) return { kind: 'value', tree: text(given, tree) }
    const parameter = this.#parameters.get(name)
    if (parameter === undefined) return this.#resource(name)
    const value = memberOf(parameter.value, 'Default')
    if (value === undefined) return unknown
    const resolved = this.resolve(value, depth + 1)
    // Findings name the place where the parameter is used.
    return resolved.kind === 'value' ? { kind: 'value', tree: { ...resolved.tree, at: tree.at } } : resolved
  }

  #resource(id: string): Resolved {
    if (this.resources.has(id)) return { kind: 'resource', id }
    // SAM makes resources of its own: `Function.Alias` is one of the function.
    return unknown
  }

  #sub(argument: Tree, tree: Tree, depth: number): Resolved {
    const [pattern, values] = argument.kind === 'list' ? argument.items : [argument, undefined]
    const written = pattern === undefined ? '' : wordOf(pattern)
    const [, only] = /^\$\{([^!}.]+)(?:\.[^}]*)?\}$/.exec(written) ?? []
    if (only !== undefined && this.resources.has(only)) return this.#resource(only)
    let isKnown = true
    const replaced = written.replace(/\$\{([^!}]+)\}/g, (whole, name: string) => {
      if (name.startsWith('AWS::')) return whole
      const own = values === undefined ? undefined : memberOf(values, name)
      const value = this.#piece(own ?? reference(name, tree), depth)
      isKnown &&= value !== undefined
      return value ?? ''
    })
    return isKnown ? { kind: 'value', tree: text(replaced.replaceAll('${!', '${'), tree) } : unknown
  }

  #join(argument: Tree, tree: Tree, depth: number): Resolved {
    if (argument.kind !== 'list') return unknown
    const [between, list] = argument.items
    if (between === undefined || list?.kind !== 'list') return unknown
    const pieces = list.items.map((item) => this.#piece(item, depth))
    if (pieces.includes(undefined)) return unknown
    return { kind: 'value', tree: text(pieces.join(wordOf(between)), tree) }
  }

  /** Part of a longer text: a queue stands for its name, so that `arn:…:${Queue.QueueName}` leads back to it. */
  #piece(tree: Tree, depth: number): string | undefined {
    const resolved = this.resolve(tree, depth + 1)
    if (resolved.kind === 'resource') return `\${${resolved.id}}`
    if (resolved.kind !== 'value' || resolved.tree.kind !== 'scalar') return undefined
    return String(resolved.tree.value)
  }

  #if(argument: Tree, depth: number): Resolved {
    if (argument.kind !== 'list') return unknown
    const [condition, yes, no] = argument.items
    const isTrue = condition === undefined ? undefined : this.#condition(wordOf(condition), depth + 1)
    if (isTrue !== undefined) return this.resolve(isTrue ? yes : no, depth + 1)
    return unknown
  }

  /** True, false, or undefined when only the deployment knows. */
  #condition(name: string, depth: number): boolean | undefined {
    const entry = this.#conditions.get(name)
    return entry === undefined ? undefined : this.#decide(entry.value, depth + 1)
  }

  #decide(tree: Tree, depth: number): boolean | undefined {
    const call = callOf(tree)
    if (call === undefined || depth > depthMax) return undefined
    const { name, argument } = call
    const items = argument.kind === 'list' ? argument.items : [argument]
    switch (name) {
      case 'Condition':
        return this.#condition(wordOf(argument), depth + 1)
      case 'Fn::Equals': {
        const [a, b] = items.map((item) => this.text(item, depth + 1))
        return a === undefined || b === undefined || `${a}${b}`.includes('${') ? undefined : a === b
      }
      case 'Fn::Not': {
        const [one] = items.map((item) => this.#decide(item, depth + 1))
        return one === undefined ? undefined : !one
      }
      case 'Fn::And':
      case 'Fn::Or': {
        const decided = items.map((item) => this.#decide(item, depth + 1))
        const deciding = name === 'Fn::Or'
        if (decided.includes(deciding)) return deciding
        return decided.includes(undefined) ? undefined : !deciding
      }
      default:
        return undefined
    }
  }

  #findInMap(argument: Tree, depth: number): Resolved {
    if (argument.kind !== 'list') return unknown
    let found = this.#mappings
    for (const item of argument.items.slice(0, 3)) {
      const key = this.text(item, depth + 1)
      found = key === undefined || found === undefined ? undefined : memberOf(found, key)
    }
    return found === undefined ? unknown : this.#literal({ ...found, at: argument.at })
  }
}

/** A key's value of a map. */
export function memberOf(tree: Tree | undefined, key: string): Tree | undefined {
  return tree?.kind === 'map' ? tree.entries.get(key)?.value : undefined
}

/** The keys of a map, or none. */
export function entriesOf(tree: Tree | undefined): ReadonlyMap<string, Entry> {
  return tree?.kind === 'map' ? tree.entries : new Map()
}

function resource(id: string, entry: Entry): Resource {
  const type = memberOf(entry.value, 'Type')
  const properties = memberOf(entry.value, 'Properties')
  return { id, type: type === undefined ? '' : wordOf(type), entry, properties }
}

/** `{Fn::X: argument}`; a map with more keys is data. */
function callOf(tree: Tree): { readonly name: string; readonly argument: Tree } | undefined {
  if (tree.kind !== 'map' || tree.entries.size !== 1) return undefined
  const [[name, entry] = ['', undefined]] = tree.entries
  const isCall = name === 'Ref' || name === 'Condition' || name.startsWith('Fn::')
  return isCall && entry !== undefined ? { name, argument: entry.value } : undefined
}

function reference(name: string, tree: Tree): MapTree {
  const [id = '', ...rest] = name.split('.')
  const key = rest.length === 0 ? 'Ref' : 'Fn::GetAtt'
  return {
    kind: 'map',
    entries: new Map([[key, { at: tree.at, value: text(rest.length === 0 ? id : name, tree) }]]),
    at: tree.at,
  }
}

function text(value: string, { at }: Tree): Tree {
  return { kind: 'scalar', value, isQuoted: true, at }
}

function wordOf(tree: Tree): string {
  return tree.kind === 'scalar' && tree.value !== null ? String(tree.value) : ''
}

/** The resource of `A.Arn` or `[A, Arn]`. */
function firstWord(argument: Tree): string {
  const first = argument.kind === 'list' ? argument.items[0] : argument
  return first === undefined ? '' : (wordOf(first).split('.')[0] ?? '')
}
