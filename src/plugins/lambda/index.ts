/** The plugin `lambda`: pulls events from the Lambda Runtime API and deals them to pre-warmed workers. */
import {
  definePlugin,
  ErrorCode,
  Ledger,
  Log,
  optional,
  Pools,
  RelayError,
  RuntimeApi,
  Tracing,
} from '../../index.js'
import { isSnapStart } from './polling/snap-start.js'
import { config } from './section.js'

export default definePlugin({
  name: 'lambda',
  needs: {
    pools: Pools,
    ledger: Ledger,
    runtimeApi: optional(RuntimeApi),
    logs: Log,
    tracing: optional(Tracing),
  },
  config,
  on: (mode, sections) => mode === 'bootstrap' || sections.has('lambda'),
  async onStartFailed(error, { mode, env, log, clock }) {
    const address = env.AWS_LAMBDA_RUNTIME_API
    if (mode !== 'bootstrap' || !address) return
    const { postInitError } = await import('./polling/init-fault.js')
    const userAgent = `relayrunner/${env.RELAYRUNNER_VERSION ?? '0'}`
    await postInitError(error.message, { address, userAgent, clock, log })
  },
  async setup({ config: settings, needs, log, env, clock, mode, announce }) {
    const isBootstrap = mode === 'bootstrap'
    const own = needs.runtimeApi?.connect()
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
    const rrMode = settings.mode === 'jobs' || settings.mode === 'http' ? settings.mode : 'lambda'
    announce({ what: 'events', where: `from ${address}${own === undefined ? '' : ' (emulator)'}` })
    // The workers boot while the rest is loaded.
    const pool = needs.pools.open(settings.pool, {
      name: 'lambda',
      mode: rrMode,
      // Inside Lambda the start ends with the first `/next`. A snapshot must hold all workers.
      ...(isBootstrap && !isSnapStart(env) ? { bootFirst: settings.min_ready } : {}),
    })
    const { logs, tracing } = needs
    const { startPollers } = await import('./polling/pollers.js')
    return startPollers({
      settings,
      pool,
      address,
      facts: own?.facts,
      onBatch: own?.onBatch,
      isParallel: own !== undefined,
      isBootstrap,
      log,
      tracing,
      // Lambda freezes this environment between two events: spans go out before, as lines of the log do.
      ...(tracing === undefined || !isBootstrap
        ? { flushLog: () => logs.flush(), isLogWritten: () => logs.isWritten }
        : {
            flushLog: async () => void (await Promise.all([logs.flush(), tracing.flush()])),
            isLogWritten: () => logs.isWritten && tracing.isFlushed,
          }),
      env,
      clock,
      ledger: needs.ledger,
    })
  },
})
