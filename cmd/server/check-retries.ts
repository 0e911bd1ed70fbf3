/** Finds queues whose failing jobs are tried for ever: no limit is set, and none of the broker's is in the file. Pure. */
import { childOf, type Problem, scalarText, type Tree } from '../../src/schema/tree.js'
import type { StartPlan } from './plan.js'

/** Notes it once for all such pipelines, at `jobs.pipelines`. */
export function endlessRetries({ entries }: Pick<StartPlan, 'entries'>): readonly Problem[] {
  const section = entries.get('jobs')?.value
  if (Number(scalarText(childOf(childOf(section, 'retry'), 'max'))) > 0) return []
  const pipelines = childOf(section, 'pipelines')
  const all = pipelines?.kind === 'map' ? [...pipelines.entries] : []
  const endless = all.filter(([, { value }]) => !hasPolicy(value))
  const [first] = endless
  if (first === undefined) return []
  const names = endless.map(([name]) => name).join(', ')
  const isSqs = endless.some(([, { value }]) => driverOf(value) === 'sqs')
  const unless = isSqs ? ', unless a redrive policy of SQS ends it' : ''
  return [
    {
      severity: 'note',
      at: first[1].at,
      what: `\`jobs.retry.max\` is not set: a job of ${names} that always fails is tried for ever${unless}`,
      hint: 'set it, e.g. `retry: { max: 5 }`, and `dead` where failed jobs shall go to another pipeline; without it they are kept (`rr jobs dead`)',
    },
  ]
}

/** A limit of the broker's own that the file sets, or the tries that a Laravel worker counts itself. */
function hasPolicy(pipeline: Tree): boolean {
  const config = childOf(pipeline, 'config')
  const driver = driverOf(pipeline)
  if (driver.startsWith('laravel-')) return true
  if (driver === 'nats') return Number(scalarText(childOf(config, 'max_deliver'))) > 0
  if (driver === 'amqp') return childOf(childOf(config, 'queue_headers'), 'x-delivery-limit') !== undefined
  return driver === 'sqs' && childOf(childOf(config, 'attributes'), 'RedrivePolicy') !== undefined
}

function driverOf(pipeline: Tree): string {
  return scalarText(childOf(pipeline, 'driver'))
}
