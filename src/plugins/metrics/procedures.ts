/** The procedures `metrics.*`, as RoadRunner's clients call them. */
import { messageOf, procedure, type RpcService } from '../../index.js'
import type { AppMetrics, Change } from './app-metrics.js'
import { collectorProperties } from './section.js'

const changed = {
  type: 'object',
  properties: {
    name: { type: 'string', default: '' },
    value: { type: 'number', default: 0 },
    labels: { type: 'array', items: { type: 'string' } },
  },
} as const

/** The procedures by name. */
export function metricsProcedures(metrics: AppMetrics): Parameters<RpcService['register']>[1] {
  const changing = (operation: string, change: (change: Change) => void) =>
    procedure({ input: changed, call: (input) => as(operation, () => change(input)) })
  return {
    Add: changing('metrics_plugin_add', (change) => metrics.add(change)),
    Sub: changing('metrics_plugin_sub', (change) => metrics.sub(change)),
    Set: changing('metrics_plugin_set', (change) => metrics.set(change)),
    Observe: changing('metrics_plugin_observe', (change) => metrics.observe(change)),
    Declare: procedure({
      input: {
        type: 'object',
        properties: {
          name: { type: 'string', required: true },
          collector: { type: 'object', properties: collectorProperties },
        },
      },
      call: ({ name, collector }) => as('metrics_plugin_declare', () => metrics.declare(name, collector)),
    }),
    Unregister: procedure({
      input: { type: 'string', default: '' },
      call: (name) => as('metrics_plugin_unregister', () => metrics.unregister(String(name))),
    }),
  }
}

/** Names the operation in front of an error's text, as RoadRunner does. */
function as(operation: string, act: () => void): true {
  try {
    act()
    return true
  } catch (error) {
    throw new Error(`${operation}: ${messageOf(error)}`, { cause: error })
  }
}
