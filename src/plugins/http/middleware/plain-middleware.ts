/** A list of built-in middleware as one, for the reader of plain requests. */
import type { AnswerHead } from '../serving/answer-head.js'
import type { RequestLook } from '../serving/request-look.js'
import { withFields } from '../serving/with-fields.js'
import type { AddedFields, Measurement, PlainPart } from './plain-part.js'

/** Headers that an answer may get, and the heads that have got them. */
export interface Dressing {
  readonly added: readonly AddedFields[]
  readonly heads: WeakMap<AnswerHead, DressedHead>
}

/** A head as it goes out, and who may want to have the answer all the same. */
export interface DressedHead {
  readonly head: AnswerHead
  readonly takers: readonly ((look: RequestLook, bytes: number | undefined) => boolean)[]
}

// Answers to requests of other origins have headers of their own.
const dressingsMax = 100

/** The list. */
export class PlainMiddleware {
  /** Headers that workers are told beside those of the client. */
  readonly told: readonly (readonly [name: string, value: string])[]
  /** True when an answer may have to be taken, so that the request must be kept. */
  readonly isTaker: boolean
  /** True when there is none in the list. */
  readonly isEmpty: boolean
  readonly isMeasured: boolean
  readonly #answers: readonly NonNullable<PlainPart['answers']>[]
  readonly #addresses: readonly NonNullable<PlainPart['addressOf']>[]
  readonly #added: readonly NonNullable<PlainPart['addedTo']>[]
  readonly #changes: readonly NonNullable<PlainPart['change']>[]
  readonly #takes: readonly NonNullable<PlainPart['takes']>[]
  readonly #measures: readonly NonNullable<PlainPart['measure']>[]
  readonly #dressings = new Map<string, Dressing>()

  constructor(parts: readonly PlainPart[]) {
    const all = <Key extends keyof PlainPart>(key: Key) =>
      parts.flatMap((part): NonNullable<PlainPart[Key]>[] => {
        const one = part[key]
        return one === undefined ? [] : [one as NonNullable<PlainPart[Key]>]
      })
    this.told = all('told').flat()
    this.#answers = all('answers')
    this.#addresses = all('addressOf')
    this.#added = all('addedTo')
    this.#changes = all('change')
    this.#takes = all('takes')
    this.#measures = all('measure')
    this.isTaker = this.#takes.length > 0
    this.isEmpty = parts.length === 0
    this.isMeasured = this.#measures.length > 0
  }

  /** True for a request that one of them answers itself. */
  answers(look: RequestLook): boolean {
    for (const answers of this.#answers) if (answers(look)) return true
    return false
  }

  /** The client's address. */
  addressOf(look: RequestLook, address: string): string {
    let told = address
    for (const addressOf of this.#addresses) told = addressOf(look, told)
    return told
  }

  /** Chooses what the answer to a request gets. */
  dressingOf(look: RequestLook): Dressing {
    const added: AddedFields[] = []
    let key = ''
    for (const addedTo of this.#added) {
      const one = addedTo(look)
      added.push(one)
      key += one.key
    }
    const known = this.#dressings.get(key)
    if (known !== undefined) return known
    if (this.#dressings.size >= dressingsMax) this.#dressings.clear()
    const made = { added, heads: new WeakMap() }
    this.#dressings.set(key, made)
    return made
  }

  /** Dresses a head; the same head gives the same object. */
  dress(given: AnswerHead, dressing: Dressing): DressedHead {
    const known = dressing.heads.get(given)
    if (known !== undefined) return known
    const fields = dressing.added.flatMap((one) => one.fields)
    let head = fields.length === 0 ? given : withFields(given, fields)
    const takers = this.#takes.flatMap((takes) => takes(head) ?? [])
    for (const change of this.#changes) head = change(head)
    const made = { head, takers }
    dressing.heads.set(given, made)
    return made
  }

  /** Begins to measure a request; undefined when nobody does. */
  measure(): Measurement | undefined {
    if (this.#measures.length === 0) return undefined
    const ends = this.#measures.map((measure) => measure())
    return (status, isRefused) => {
      for (const end of ends) end(status, isRefused)
    }
  }
}
