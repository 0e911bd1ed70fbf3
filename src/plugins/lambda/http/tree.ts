/**
 * `a[b][]=1` → nested objects and lists, as RoadRunner hands forms and uploads to PHP: scalars stay texts, the last of a repeated
 * name wins, `[]` appends. Pure.
 */

/** A leaf, a list, or an object of trees. Objects have no prototype, so that no name can mean anything else. */
export type FormTree<Leaf> = Leaf | FormTree<Leaf>[] | { [name: string]: FormTree<Leaf> }

/** RoadRunner's own limit. */
export const depthMax = 127
/** PHP's own limit of names (`max_input_vars`), ten times over. */
export const fieldsMax = 10_000

/** Builds the tree. Throws an `Error` with a sentence when a name nests too deep or there are too many. */
export function formTree<Leaf>(pairs: readonly (readonly [name: string, value: Leaf])[]): FormTree<Leaf> {
  if (pairs.length > fieldsMax) throw new Error(`the form has ${pairs.length} fields, ${fieldsMax} are taken`)
  const root: Node<Leaf> = { named: new Map(), listed: [] }
  for (const [name, value] of pairs) put(root, keysOf(name), value)
  return treeOf(root)
}

interface Node<Leaf> {
  leaf?: Leaf
  readonly named: Map<string, Node<Leaf>>
  readonly listed: Node<Leaf>[]
}

/** `a[b][]` → `a`, `b`, ``. A name that does not close its brackets is one key. */
function keysOf(name: string): readonly string[] {
  const open = name.indexOf('[')
  if (open <= 0 || !name.endsWith(']')) return [name]
  const keys = [name.slice(0, open), ...name.slice(open + 1, -1).split('][')]
  if (keys.length > depthMax)
    throw new Error(`a form field nests ${keys.length} levels deep, ${depthMax} are taken`)
  return keys
}

function put<Leaf>(root: Node<Leaf>, keys: readonly string[], value: Leaf): void {
  let node = root
  for (const [depth, key] of keys.entries()) {
    const isAppend = key === '' && depth > 0
    let next = isAppend ? undefined : node.named.get(key)
    if (next === undefined) {
      next = { named: new Map(), listed: [] }
      if (isAppend) node.listed.push(next)
      else node.named.set(key, next)
    }
    node = next
  }
  node.leaf = value
}

function treeOf<Leaf>(node: Node<Leaf>): FormTree<Leaf> {
  if (node.named.size === 0 && node.listed.length > 0) return node.listed.map(treeOf)
  if (node.named.size === 0 && node.leaf !== undefined) return node.leaf
  const tree: Record<string, FormTree<Leaf>> = Object.create(null)
  for (const [name, child] of node.named) tree[name] = treeOf(child)
  // Names and `[]` mixed: what was appended is numbered, as PHP would.
  for (const [at, child] of node.listed.entries()) tree[String(at)] = treeOf(child)
  return tree
}
