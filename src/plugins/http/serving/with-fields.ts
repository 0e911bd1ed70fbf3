/** Heads of answers with headers that are set before the worker's, as a response of node:http would hold them. Pure. */
import type { AnswerHead } from './answer-head.js'

/** Headers that several sides may contribute to; of others the worker's own counts. */
const shared: ReadonlySet<string> = new Set(['vary', 'set-cookie', 'link'])

/** True for a header whose values are added up. */
export function isShared(name: string): boolean {
  return shared.has(name.toLowerCase())
}

/** Sets headers in front of those of a head. */
export function withFields(
  head: AnswerHead,
  fields: readonly (readonly [name: string, value: string])[],
): AnswerHead {
  const all = new Map<string, readonly [name: string, values: readonly string[]]>()
  const put = (name: string, values: readonly string[]) => {
    const key = name.toLowerCase()
    const before = shared.has(key) ? (all.get(key)?.[1] ?? []) : []
    all.set(key, [name, [...before, ...values]])
  }
  for (const [name, value] of fields) put(name, [value])
  for (const [name, values] of head.headers) put(name, values)
  return { ...head, headers: [...all.values()] }
}
