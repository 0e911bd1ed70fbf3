/**
 * The service `Metrics` over prom-client, whose only home this is. Counters and gauges are plain numbers that a scrape hands over: an
 * `add` is an addition.
 */
import {
  type Counter,
  collectDefaultMetrics,
  Gauge,
  Histogram,
  Counter as PromCounter,
  Registry,
  Summary,
} from 'prom-client'
import {
  type Clock,
  type Logger,
  type Metric,
  type MetricAbout,
  type MetricKind,
  type MetricSeries,
  type MetricsService,
  messageOf,
  type Undo,
} from '../../index.js'

/** Services that the registry needs. */
export interface MetricsRegistryOptions {
  readonly clock: Clock
  readonly log: Logger
}

/** Declaration with its types forgotten. */
type About = MetricAbout<MetricKind, readonly string[]>

/** A number that grows or is set, with the values of its labels. */
class Level {
  readonly values: readonly string[]
  value = 0

  constructor(values: readonly string[]) {
    this.values = values
  }

  add(by = 1): void {
    this.value += by
  }

  set(to: number): void {
    this.value = to
  }
}

/** A number that only grows. */
class Total {
  readonly values: readonly string[]
  value = 0

  constructor(values: readonly string[]) {
    this.values = values
  }

  add(by = 1): void {
    if (!(by >= 0)) throw new Error('counter cannot decrease in value')
    this.value += by
  }
}

type Series = MetricSeries[MetricKind]

const readerMsMax = 5000
// Quantiles of the last ten minutes, as Prometheus’s own clients have them.
const summaryWindow = { maxAgeSeconds: 600, ageBuckets: 5 }
const separator = '\u0000'

/** A declared metric: its series by the values of their labels. */
class DeclaredMetric {
  readonly about: string
  readonly labels: readonly string[]
  readonly #make: (values: readonly string[]) => Series
  readonly #remove: (values: readonly string[]) => void
  readonly #series = new Map<string, Series>()

  constructor(
    about: string,
    labels: readonly string[],
    make: (values: readonly string[]) => Series,
    remove: (values: readonly string[]) => void,
  ) {
    this.about = about
    this.labels = labels
    this.#make = make
    this.#remove = remove
    // A metric without labels is shown from its declaration on.
    if (labels.length === 0) this.of()
  }

  get count(): number {
    return this.#series.size
  }

  all(): Iterable<Series> {
    return this.#series.values()
  }

  of(...values: readonly string[]): Series {
    const key = values.join(separator)
    const known = this.#series.get(key)
    if (known !== undefined) return known
    if (values.length !== this.labels.length)
      throw new Error(
        `inconsistent label cardinality: expected ${this.labels.length} label values but got ${values.length}`,
      )
    const made = this.#make(values)
    this.#series.set(key, made)
    return made
  }

  forget(...values: readonly string[]): void {
    if (this.#series.delete(values.join(separator))) this.#remove(values)
  }
}

/** All metrics of one server. */
export class MetricsRegistry implements MetricsService {
  readonly #registry = new Registry()
  readonly #options: MetricsRegistryOptions
  readonly #metrics = new Map<string, DeclaredMetric>()
  readonly #readers = new Set<() => void | Promise<void>>()
  #scrape: Promise<string> | undefined

  constructor(options: MetricsRegistryOptions) {
    this.#options = options
    collectDefaultMetrics({ register: this.#registry })
  }

  /** Content type of what `scrape` returns. */
  get contentType(): string {
    return this.#registry.contentType
  }

  declare<K extends MetricKind, const L extends readonly string[] = readonly []>(
    name: string,
    about: MetricAbout<K, L>,
  ): Metric<K, L> {
    // Forgotten here, and restored by the caller's own declaration.
    return this.declareAny(name, about as unknown as About) as unknown as Metric<K, L>
  }

  /** Declares a metric of which only its values are known. */
  declareAny(name: string, about: About): DeclaredSeries {
    const text = JSON.stringify([about.type, about.labels ?? [], about.buckets ?? [], about.objectives ?? {}])
    const known = this.#metrics.get(name)
    if (known !== undefined && known.about === text) return known
    if (known !== undefined || this.#registry.getSingleMetric(name) !== undefined)
      throw new Error(`metric ${name} is declared already, in another way`)
    const made = this.#make(name, about, text)
    this.#metrics.set(name, made)
    return made
  }

  /** True when a metric of this full name is there. */
  has(name: string): boolean {
    return this.#registry.getSingleMetric(name) !== undefined
  }

  /** Removes a metric with all its series. */
  remove(name: string): void {
    this.#metrics.delete(name)
    this.#registry.removeSingleMetric(name)
  }

  collect(read: () => void | Promise<void>): Undo {
    const reader = () => read()
    this.#readers.add(reader)
    return () => void this.#readers.delete(reader)
  }

  /** Returns all metrics as Prometheus reads them. Scrapes at the same time share one. */
  scrape(): Promise<string> {
    this.#scrape ??= this.#read().finally(() => {
      this.#scrape = undefined
    })
    return this.#scrape
  }

  async #read(): Promise<string> {
    await Promise.all([...this.#readers].map((read) => this.#ask(read)))
    return this.#registry.metrics()
  }

  async #ask(read: () => void | Promise<void>): Promise<void> {
    const { clock, log } = this.#options
    let timer: { clear(): void } | undefined
    try {
      const answer = read()
      if (answer === undefined) return
      const late = new Promise<never>((_, reject) => {
        timer = clock.timer(readerMsMax, () => reject(new Error(`no answer within ${readerMsMax / 1000} s`)))
      })
      await Promise.race([answer, late])
    } catch (error) {
      log.warn({ error: messageOf(error) }, 'metrics of a plugin could not be read')
    } finally {
      timer?.clear()
    }
  }

  #make(name: string, about: About, text: string): DeclaredMetric {
    const labels = about.labels ?? []
    const common = {
      name,
      help: about.help === '' ? name : about.help,
      labelNames: labels,
      registers: [this.#registry],
    }
    const objectOf = (values: readonly string[]) =>
      Object.fromEntries(labels.map((label, at) => [label, values[at] ?? '']))
    switch (about.type) {
      case 'counter': {
        const metric: DeclaredMetric = new DeclaredMetric(
          text,
          labels,
          (values) => new Total(values),
          nothing,
        )
        const counter: Counter<string> = new PromCounter({
          ...common,
          collect: () => {
            counter.reset()
            for (const one of metric.all())
              if (one instanceof Total) counter.inc(objectOf(one.values), one.value)
          },
        })
        return metric
      }
      case 'gauge': {
        const metric: DeclaredMetric = new DeclaredMetric(
          text,
          labels,
          (values) => new Level(values),
          nothing,
        )
        const gauge: Gauge<string> = new Gauge({
          ...common,
          collect: () => {
            gauge.reset()
            for (const one of metric.all())
              if (one instanceof Level) gauge.set(objectOf(one.values), one.value)
          },
        })
        return metric
      }
      case 'histogram': {
        const { buckets = [] } = about
        const histogram = new Histogram({
          ...common,
          ...(buckets.length === 0 ? {} : { buckets: [...buckets] }),
        })
        return new DeclaredMetric(
          text,
          labels,
          (values) => histogram.labels(...values),
          (values) => histogram.remove(...values),
        )
      }
      default: {
        const percentiles = Object.keys(about.objectives ?? {}).map(Number)
        const summary = new Summary({ ...common, ...summaryWindow, percentiles })
        return new DeclaredMetric(
          text,
          labels,
          (values) => summary.labels(...values),
          (values) => summary.remove(...values),
        )
      }
    }
  }
}

/** A declared metric, whatever its kind. */
export type DeclaredSeries = Pick<DeclaredMetric, 'of' | 'forget' | 'count' | 'labels'>

const nothing = () => undefined
