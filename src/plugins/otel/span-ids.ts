/** Ids of traces and spans, of which one can be drawn before its span begins. */
import type { IdGenerator } from '@opentelemetry/sdk-trace-base'
import type { OtelPackages } from './packages.js'

/** The generator. */
export class SpanIds implements IdGenerator {
  readonly #random: IdGenerator
  #next: string | undefined

  constructor({ RandomIdGenerator }: OtelPackages['sdk']) {
    this.#random = new RandomIdGenerator()
  }

  /** Draws the id of a span that begins later. */
  newSpanId(): string {
    return this.#random.generateSpanId()
  }

  /** Calls `begin`, whose first span has this id. */
  using<T>(spanId: string, begin: () => T): T {
    this.#next = spanId
    try {
      return begin()
    } finally {
      this.#next = undefined
    }
  }

  // The tracer calls them without their object.
  readonly generateTraceId = (): string => this.#random.generateTraceId()

  readonly generateSpanId = (): string => {
    const next = this.#next
    this.#next = undefined
    return next ?? this.#random.generateSpanId()
  }
}
