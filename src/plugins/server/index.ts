/** The section `server:`: what every pool inherits. Hands the values to the host, which owns the pools. */
import { definePlugin, envProperty, Pools, processProperties, section } from '../../index.js'

export default definePlugin({
  name: 'server',
  needs: { pools: Pools },
  config: section(
    {
      command: {
        anyOf: [
          { type: 'string', format: 'command' },
          { type: 'array', items: { type: 'string' } },
        ],
        description:
          'The program of the workers: a string split by shell quoting rules, or a list. No shell runs it.',
      },
      handler: {
        type: 'string',
        description:
          'Instead of `command`: `worker.php` (a worker of that name), or `index.handler`, an ordinary Lambda handler in Node (`index.js`, `.mjs`, `.cjs`) or Python (`index.py`); `lambda.mode` is then `event` unless it is set.',
      },
      relay: {
        type: 'string',
        default: 'pipes',
        pattern: '^(pipes|fifo|auto|unix://.+|tcp://.+:[0-9]+)$',
        patternText: 'pipes, unix://PATH or tcp://127.0.0.1:PORT',
        notYetPattern: '^(fifo|auto)$',
        description: 'How workers are spoken to: `pipes`, `unix://PATH` or `tcp://127.0.0.1:PORT`.',
      },
      ...processProperties,
      env: envProperty,
    },
    'What every pool inherits.',
  ),
  setup({ config, needs }) {
    needs.pools.configure(config)
  },
})
