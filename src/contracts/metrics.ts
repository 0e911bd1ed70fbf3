/**
 * Contract of metrics: plugins declare series, and the provider of `Metrics` shows them to scrapers. Need it with
 * `optional(Metrics)`: without such a plugin there is no service, and `series?.add(1)` costs a comparison.
 */
import type { Undo } from '../core/abort.js'
import { serviceKey } from '../supervisor/plugins/keys.js'

/** Methods of a series, by the kind of its metric. */
export interface MetricSeries {
  /** Only grows, and begins at 0 with the process. */
  readonly counter: { add(by?: number): void }
  /** Goes up and down. */
  readonly gauge: { add(by?: number): void; set(to: number): void }
  /** Counts observations by the bucket they fall into. */
  readonly histogram: { observe(value: number): void }
  /** Estimates quantiles of the observations. */
  readonly summary: { observe(value: number): void }
}

/** Kind of a metric. */
export type MetricKind = keyof MetricSeries

/** Declaration of a metric. */
export interface MetricAbout<K extends MetricKind, L extends readonly string[]> {
  readonly type: K
  /** One sentence for readers of the scrape. */
  readonly help: string
  /** Names of labels, in the order in which `of` takes their values. */
  readonly labels?: L
  /** Upper bounds of a histogram's buckets, ascending. Absent: those of the provider. */
  readonly buckets?: K extends 'histogram' ? readonly number[] : never
  /** Quantiles of a summary with their allowed errors: `{ 0.99: 0.001 }`. */
  readonly objectives?: K extends 'summary' ? Readonly<Record<number, number>> : never
}

/** A declared metric. */
export interface Metric<K extends MetricKind, L extends readonly string[] = readonly []> {
  /** Returns the series of these label values, the same object for the same values. Keep it where it is used often. */
  of(...values: { readonly [I in keyof L]: string }): MetricSeries[K]
  /** Forgets the series of these values, of a thing that has gone. */
  forget(...values: { readonly [I in keyof L]: string }): void
}

/** Metrics of the server and its plugins. */
export interface MetricsService {
  /**
   * Declares a metric by its full name (letters, digits and `_`: `rr_http_requests_total`). Declared again in the same way, by any plugin, it is
   * the same metric. Throws when the name is malformed, or is declared in another way.
   */
  declare<K extends MetricKind, const L extends readonly string[] = readonly []>(
    name: string,
    about: MetricAbout<K, L>,
  ): Metric<K, L>
  /**
   * Calls `read` at the beginning of each scrape, to set gauges of numbers that are kept elsewhere. A scrape waits for all readers, each
   * for as long as the provider allows; one that throws or is late is logged, and the scrape goes on without it.
   */
  collect(read: () => void | Promise<void>): Undo
}

/** Key of the metrics. */
export const Metrics = serviceKey<MetricsService>('metrics')
