/** Reads facts from the properties of one resource or event of a template: known, by default, or not known. */
import type { Place, Tree } from '../schema/tree.js'
import { memberOf, type Resolved, type Template } from './intrinsics.js'
import type { Known } from './setup.js'

/** The properties of one resource, event or section. */
export class Reader {
  readonly template: Template
  readonly tree: Tree | undefined
  /** Place of the owner, which is named for absent keys. */
  readonly at: Place

  constructor(template: Template, tree: Tree | undefined, at: Place) {
    this.template = template
    const resolved = template.resolve(tree)
    this.tree = resolved.kind === 'value' ? resolved.tree : undefined
    this.at = at
  }

  /** Returns the value of a key, with its functions evaluated. */
  resolve(key: string): Resolved {
    return this.template.resolve(memberOf(this.tree, key))
  }

  /** Reads a number; `fallback` is AWS's default. */
  number<F>(key: string, fallback: F): Known<number | F> {
    return this.#fact(key, fallback, (text) => {
      const value = Number(text)
      return text.trim() === '' || !Number.isFinite(value) ? undefined : value
    })
  }

  /** Reads a text; not known when a part of it depends on the deployment. */
  text(key: string, fallback: string): Known<string> {
    return this.#fact(key, fallback, (text) => (text.includes('${') ? undefined : text))
  }

  /** True or false, which CloudFormation also takes as text. */
  flag(key: string, fallback: boolean): Known<boolean> {
    return this.#fact(key, fallback, (text) => {
      const word = text.toLowerCase()
      return word === 'true' ? true : word === 'false' ? false : undefined
    })
  }

  /** True when the key is there, whatever it holds. */
  present(key: string): Known<boolean> {
    const resolved = this.resolve(key)
    if (resolved.kind === 'unknown') return undefined
    const isThere = resolved.kind !== 'absent'
    return { value: isThere, at: memberOf(this.tree, key)?.at ?? this.at, isDefault: !isThere }
  }

  /** True when a list, or a single text, holds `word`. */
  includes(key: string, word: string): Known<boolean> {
    const tree = memberOf(this.tree, key)
    const resolved = this.template.resolve(tree)
    if (resolved.kind === 'absent') return { value: false, at: this.at, isDefault: true }
    if (resolved.kind !== 'value') return undefined
    const items = resolved.tree.kind === 'list' ? resolved.tree.items : [resolved.tree]
    const words = items.map((item) => this.template.text(item))
    if (words.includes(word)) return { value: true, at: tree?.at }
    return words.includes(undefined) ? undefined : { value: false, at: tree?.at }
  }

  /** The map below a key. Its place is the key's own, or the owner's. */
  child(key: string): Reader {
    const tree = memberOf(this.tree, key)
    const at = this.tree?.kind === 'map' ? this.tree.entries.get(key)?.at : undefined
    return new Reader(this.template, tree, at ?? this.at)
  }

  #fact<T, F>(key: string, fallback: F, read: (text: string) => T | undefined): Known<T | F> {
    const tree = memberOf(this.tree, key)
    const resolved = this.template.resolve(tree)
    if (resolved.kind === 'absent') return { value: fallback, at: this.at, isDefault: true }
    if (resolved.kind !== 'value' || resolved.tree.kind !== 'scalar') return undefined
    const value = read(String(resolved.tree.value))
    return value === undefined ? undefined : { value, at: tree?.at }
  }
}
