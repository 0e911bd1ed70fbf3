/** Metrics of the application: declared by the file or over RPC, changed over RPC, with RoadRunner's texts of errors. */
import type { Logger, MetricKind } from '../../index.js'
import type { DeclaredSeries, MetricsRegistry } from './registry.js'
import type { CollectorConfig } from './section.js'

/** A change of one metric. */
export interface Change {
  readonly name: string
  readonly value: number
  readonly labels: readonly string[]
}

interface AppMetric {
  readonly fullName: string
  readonly type: MetricKind
  readonly metric: DeclaredSeries
}

// Each series is a line of every scrape; labels with ids of users would grow without end.
const seriesMax = 10_000
const metricsMax = 10_000

/** The metrics that clients know, by the name that they use. */
export class AppMetrics {
  readonly #registry: MetricsRegistry
  readonly #log: Logger
  readonly #byName = new Map<string, AppMetric>()

  constructor(registry: MetricsRegistry, log: Logger) {
    this.#registry = registry
    this.#log = log
  }

  /** Declares a metric; a name that is known stays as it is. Throws for one that cannot be declared. */
  declare(name: string, { type, namespace, subsystem, ...about }: CollectorConfig): void {
    if (this.#byName.has(name)) {
      this.#log.debug({ metric: name }, 'the metric is declared already')
      return
    }
    if (this.#byName.size >= metricsMax) throw new Error(`there are ${metricsMax} metrics already`)
    const fullName = [namespace, subsystem, name].filter((part) => part !== '').join('_')
    if (this.#registry.has(fullName)) throw new Error('duplicate metrics collector registration attempted')
    this.#byName.set(name, {
      fullName,
      type,
      metric: this.#registry.declareAny(fullName, { type, ...checked(fullName, about) }),
    })
  }

  /** Forgets a metric and its values. */
  unregister(name: string): void {
    const { fullName } = this.#find(name)
    this.#byName.delete(name)
    this.#registry.remove(fullName)
  }

  /** Adds to a counter or a gauge. */
  add(change: Change): void {
    const { type } = this.#find(change.name, ', try first Declare the desired collector')
    if (type !== 'counter' && type !== 'gauge') throw unsupported(change.name, 'Add')
    const series = this.#series(change)
    if ('add' in series) series.add(change.value)
  }

  /** Subtracts from a gauge. */
  sub(change: Change): void {
    if (this.#find(change.name).type !== 'gauge') throw unsupported(change.name, 'Sub')
    const series = this.#series(change)
    if ('add' in series) series.add(-change.value)
  }

  /** Sets a gauge. */
  set(change: Change): void {
    if (this.#find(change.name).type !== 'gauge') throw unsupported(change.name, 'Set')
    const series = this.#series(change)
    if ('set' in series) series.set(change.value)
  }

  /** Adds an observation to a histogram or a summary. */
  observe(change: Change): void {
    const { type } = this.#find(change.name)
    if (type !== 'histogram' && type !== 'summary') throw unsupported(change.name, 'Observe')
    const series = this.#series(change)
    if ('observe' in series) series.observe(change.value)
  }

  #find(name: string, more = ''): AppMetric {
    const found = this.#byName.get(name)
    if (found === undefined) throw new Error(`undefined collector ${name}${more}`)
    return found
  }

  /** Labels of a metric without any are ignored, as RoadRunner ignores them. */
  #series({ name, labels }: Change) {
    const { metric } = this.#find(name)
    if (metric.labels.length === 0) return metric.of()
    if (labels.length === 0) throw new Error(`required labels for collector ${name}`)
    const before = metric.count
    const series = metric.of(...labels)
    if (before >= seriesMax && metric.count > before) {
      metric.forget(...labels)
      throw new Error(`collector ${name} has ${seriesMax} series already: do its labels hold ids?`)
    }
    return series
  }
}

function unsupported(name: string, method: string): Error {
  return new Error(`collector ${name} does not support method \`${method}\``)
}

const metricName = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/
const labelName = /^(?!__)[a-zA-Z_][a-zA-Z0-9_]*$/

/** Throws for what prom-client would accept or refuse with less. Absent parts are left out. */
function checked(fullName: string, { help, labels, buckets, objectives }: About) {
  if (!metricName.test(fullName))
    throw new Error(`descriptor is invalid: "${fullName}" is not a valid metric name`)
  const wrong = labels.find((label) => !labelName.test(label))
  if (wrong !== undefined)
    throw new Error(`descriptor is invalid: "${wrong}" is not a valid label name for metric "${fullName}"`)
  if (new Set(labels).size < labels.length)
    throw new Error(`descriptor is invalid: duplicate label names in metric "${fullName}"`)
  const falls = buckets.findIndex((bucket, at) => at > 0 && bucket <= (buckets[at - 1] ?? bucket))
  if (falls > 0)
    throw new Error(
      `histogram buckets must be in increasing order: ${buckets[falls - 1]} >= ${buckets[falls]}`,
    )
  const quantiles = Object.keys(objectives)
  const outside = quantiles.find((quantile) => !(Number(quantile) >= 0 && Number(quantile) <= 1))
  if (outside !== undefined) throw new Error(`objectives are quantiles from 0 to 1, "${outside}" is not`)
  return {
    help,
    labels,
    ...(buckets.length === 0 ? {} : { buckets }),
    ...(quantiles.length === 0 ? {} : { objectives }),
  }
}

type About = Pick<CollectorConfig, 'help' | 'labels' | 'buckets' | 'objectives'>
