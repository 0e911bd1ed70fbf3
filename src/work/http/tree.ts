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

/**
 * Builds the tree. Of a repeated name the last value counts, of repeated uploads the `first`. Throws an `Error` with a sentence
 * when a name nests too deep or there are too many.
 */
export function formTree<Leaf>(
  pairs: readonly (readonly [name: string, value: Leaf])[],
  counts: 'first' | 'last' = 'last',
): FormTree<Leaf> {
  if (pairs.length > fieldsMax) throw new Error(`the form has more than ${fieldsMax} fields`)
  const root: Node<Leaf> = { named: new Map(), listed: [] }
  for (const [name, value] of pairs) {
    const node = nodeAt(root, keysOf(name))
    if (counts === 'last' || node.leaf === undefined) node.leaf = value
  }
  return treeOf(root)
}

interface Node<Leaf> {
  leaf?: Leaf
  readonly named: Map<string, Node<Leaf>>
  readonly listed: Node<Leaf>[]
}

/** `a[b][]` → `a`, `b`, ``; blanks are left out and what follows a bracket is a key of its own, as RoadRunner reads names. */
function keysOf(name: string): readonly string[] {
  const keys: string[] = []
  let key = ''
  let before = ''
  for (const letter of name.replaceAll(' ', '')) {
    const isBracket = letter === '[' || letter === ']'
    if (!isBracket) key += letter
    else if (letter === ']' || (before !== '[' && before !== ']')) {
      keys.push(key)
      key = ''
    }
    before = letter
  }
  if (key !== '' || keys.length === 0) keys.push(key)
  if (keys.length <= depthMax) return keys
  throw new Error(`a form field nests ${keys.length} levels deep, ${depthMax} are taken`)
}

function nodeAt<Leaf>(root: Node<Leaf>, keys: readonly string[]): Node<Leaf> {
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
  return node
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
