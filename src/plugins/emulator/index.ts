/** The plugin `emulator`: the Lambda Runtime API and the invoke endpoint in this process, so that events run without AWS. */
import { type BatchEnd, definePlugin, descriptorsMax, Rpc, RuntimeApi, section } from '../../index.js'
import { BatchEnds } from './http/batch-ends.js'
import { sqsFaults, sqsProperties } from './mapping/section.js'
import type { EmulatorTarget } from './procedures.js'

// Under `rr dev` people wait for the next delivery of a message that failed; on AWS it takes six times the function's time-out.
const devRetryMs = 5000

export default definePlugin({
  name: 'emulator',
  needs: { rpc: Rpc },
  provides: RuntimeApi,
  // Inside Lambda its section is left alone: the same file serves both.
  on: (mode, sections) => mode !== 'bootstrap' && (mode === 'dev' || sections.has('emulator')),
  config: section(
    {
      address: {
        type: 'string',
        default: '127.0.0.1:9010',
        pattern: '^.+:[0-9]+$',
        patternText: 'HOST:PORT',
        description: 'Where the Runtime API and the invoke endpoint listen; port 0 takes a free one.',
      },
      hosts: {
        type: 'array',
        items: {
          type: 'string',
          pattern: '^([A-Za-z0-9_-]+([.][A-Za-z0-9_-]+)*[.]?|\\[?[0-9A-Fa-f:.]+\\]?)$',
          patternText: 'a host name or an IP address, without a port',
        },
        description:
          'Host names that requests may use for this address, e.g. `host.docker.internal`; loopback names and the address itself always. Any other host is refused with 421, which protects against DNS rebinding by web pages.',
      },
      timeout: {
        type: 'string',
        format: 'duration',
        default: '30s',
        description: 'The function’s time-out.',
      },
      memory: {
        type: 'integer',
        minimum: 128,
        maximum: 10240,
        default: 1769,
        description: 'The function’s memory in MB, as its context says.',
      },
      sqs: {
        type: 'object',
        properties: sqsProperties,
        description: 'A queue in front of the function, as an event-source mapping of AWS reads it.',
      },
    },
    'A Lambda Runtime API in this process.',
    ({ sqs, timeout }) => sqsFaults(sqs, timeout),
  ),
  async setup({ config, needs, log, clock, env, mode, defer, announce }) {
    const ends = mode === 'dev' ? new BatchEnds(log) : undefined
    const { EmulatorServer } = await import('./http/server.js')
    const { connectionsFor } = await import('./http/connections.js')
    const { openPolledQueue } = await import('./mapping/polled-queue.js')
    const queue = await openPolledQueue({
      settings: config.sqs,
      timeoutMs: config.timeout,
      retryMs: mode === 'dev' ? devRetryMs : undefined,
      invoke: (event) => server.invoke(event),
      address: () => server.address,
      clock,
      log,
      env,
    })
    const server = new EmulatorServer({
      address: config.address,
      hosts: config.hosts,
      connectionsMax: connectionsFor(descriptorsMax()),
      timeoutMs: config.timeout,
      isParallel: true,
      clock,
      log,
      route: queue.route,
      ...(ends === undefined ? {} : { headersOf: (requestId) => ends.take(requestId) }),
    })
    await server.listen()
    defer(async () => {
      // Messages that the function did not get return to the queue once the server has closed.
      const stopped = queue.stop()
      await server.close()
      await stopped
    })
    announce({
      what: 'invoke',
      where: `http://${server.address}/2015-03-31/functions/function/invocations`,
    })
    if (queue.polled !== undefined) announce({ what: 'queue', where: queue.polled })
    if (!/^(127\.|localhost|\[?::1)/.test(server.address)) {
      log.warn(
        { address: server.address },
        'the emulator can be reached from other machines, which can invoke the function',
      )
    }
    let isConnected = false
    const target = (): EmulatorTarget => ({
      address: server.address,
      is_pulled: isConnected || server.state.hasPolled,
    })
    needs.rpc.register('emulator', { Target: { call: target }, ...queue.procedures })
    const facts = { functionName: 'emulated', functionVersion: '$LATEST', memoryLimitInMB: config.memory }
    const connect = () => {
      isConnected = true
      const at = { address: server.address, facts }
      return ends === undefined ? at : { ...at, onBatch: (end: BatchEnd) => ends.add(end) }
    }
    return {
      service: { connect },
      async serve() {
        if (!isConnected) log.warn({}, 'there is no `lambda:` section: invoked events will not be answered')
        queue.start()
      },
    }
  },
})
