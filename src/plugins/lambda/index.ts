/** The plugin `lambda`: pulls events from the Lambda Runtime API and deals them to pre-warmed workers. */
import {
  definePlugin,
  ErrorCode,
  optional,
  Pools,
  poolProperties,
  RelayError,
  RuntimeApi,
  section,
} from '../../index.js'

const config = section(
  {
    mode: {
      type: 'string',
      enum: ['raw', 'event', 'jobs', 'http'],
      notYetValues: ['jobs', 'http'],
      default: 'raw',
      description: '`raw`: batches are split, a job is one record. `event`: a job is the event as it came.',
    },
    pool: {
      anyOf: [{ type: 'object', properties: poolProperties }, { type: 'string' }],
      description: 'A pool of its own, or the name of one under `pools:`.',
    },
    deadline_margin: {
      type: 'string',
      format: 'duration',
      zero: 'allowed',
      default: '1s',
      description:
        'How long before Lambda’s deadline we answer: the smaller of this and a tenth of the time left, at least 50 ms. 0s is no margin.',
    },
    partial_failures: {
      type: 'string',
      enum: ['on', 'off'],
      default: 'on',
      description:
        '`off`: a failed record fails the whole invocation. For mappings without ReportBatchItemFailures.',
    },
    fifo: {
      type: 'string',
      enum: ['group', 'strict'],
      default: 'group',
      description:
        '`group`: FIFO groups run side by side. `strict`: the whole batch in order, and nothing after a failure.',
    },
    records_per_job: {
      type: 'integer',
      minimum: 1,
      maximum: 1,
      default: 1,
      description: 'Records that a job holds; more than 1 is not supported yet.',
    },
    failed: {
      type: 'string',
      default: 'redrive',
      pattern: '^(redrive|log)$',
      patternText: 'redrive or log',
      notYetPattern: '^https?://',
      description:
        'What becomes of a record that a worker gave up: `redrive` leaves it to the queue, `log` writes it into the log.',
    },
  },
  'Events from the AWS Lambda Runtime API.',
)

export default definePlugin({
  name: 'lambda',
  needs: { pools: Pools, runtimeApi: optional(RuntimeApi) },
  config,
  async setup({ config: settings, needs, log, env, clock }) {
    const own = needs.runtimeApi
    const given = env.AWS_LAMBDA_RUNTIME_API
    const address = own?.address ?? given
    if (address === undefined || address === '') {
      throw new RelayError(
        ErrorCode.NothingToPull,
        'nothing to pull from: AWS_LAMBDA_RUNTIME_API is not set and there is no emulator',
        {
          hint: 'Use `rr dev`, or add an `emulator:` section, or let AWS Lambda start `rr bootstrap`.',
        },
      )
    }
    if (own !== undefined && given !== undefined && given !== '') {
      log.warn(
        { emulator: own.address, AWS_LAMBDA_RUNTIME_API: given },
        'events come from the emulator; the variable is ignored',
      )
    }
    const pool = needs.pools.open(settings.pool, { name: 'lambda', mode: 'lambda' })
    const { startPollers } = await import('./pollers.js')
    return startPollers({ settings, pool, address, facts: own?.facts, log, env, clock })
  },
})
