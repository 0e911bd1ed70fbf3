/** A plain request as texts, for what is not on the way of every request. */
import type { RequestLook } from '../serving/request-look.js'
import { PlainHead } from './plain-head.js'

// One for all: it is read and used within one call.
const read = new PlainHead()
const names = new Map<string, Buffer>()

function nameBytes(name: string): Buffer {
  const known = names.get(name)
  if (known !== undefined) return known
  const made = Buffer.from(name, 'latin1')
  names.set(name, made)
  return made
}

/** Looks at the head that was read last; method and target are given, as the reader has them already. */
export class HeadLook implements RequestLook {
  method = ''
  target = ''
  #bytes: Buffer = Buffer.alloc(0)
  readonly #head: PlainHead

  constructor(head: PlainHead) {
    this.#head = head
  }

  /** Says whose head it is. */
  of(bytes: Buffer, method: string, target: string): this {
    this.#bytes = bytes
    this.method = method
    this.target = target
    return this
  }

  header(name: string): string | undefined {
    if (name === 'host') return this.#bytes.toString('latin1', this.#head.hostStart, this.#head.hostEnd)
    const index = this.#head.find(this.#bytes, nameBytes(name))
    return index < 0 ? undefined : this.#head.value(this.#bytes, index)
  }
}

/** A request that outlives the reading of its head: the bytes are read again for each question. */
export class PlainRequest implements RequestLook {
  readonly method: string
  readonly target: string
  readonly #bytes: Buffer

  /** `bytes` begin with the head. */
  constructor(bytes: Buffer, method: string, target: string) {
    this.#bytes = bytes
    this.method = method
    this.target = target
  }

  header(name: string): string | undefined {
    return this.#read().header(name)
  }

  /** Names and values in turn, as they came. */
  rawHeaders(): string[] {
    const look = this.#read()
    const raw = ['Host', look.header('host') ?? '']
    for (let index = 0; index < read.fieldCount; index += 1) {
      const slot = index * 4
      raw.push(
        this.#bytes.toString('latin1', read.fields[slot], read.fields[slot + 1]),
        read.value(this.#bytes, index),
      )
    }
    return raw
  }

  #read(): HeadLook {
    read.read(this.#bytes, 0, this.#bytes.length, true)
    return look.of(this.#bytes, this.method, this.target)
  }
}

const look = new HeadLook(read)
