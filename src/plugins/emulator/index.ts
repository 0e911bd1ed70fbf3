/** The plugin `emulator`: the Lambda Runtime API and the invoke endpoint in this process, so that events run without AWS. */
import { definePlugin, Rpc, RuntimeApi, section } from '../../index.js'

export default definePlugin({
  name: 'emulator',
  needs: { rpc: Rpc },
  provides: RuntimeApi,
  config: section(
    {
      address: {
        type: 'string',
        default: '127.0.0.1:9010',
        pattern: '^.+:[0-9]+$',
        patternText: 'HOST:PORT',
        description: 'Where the Runtime API and the invoke endpoint listen; port 0 takes a free one.',
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
    },
    'A Lambda Runtime API in this process.',
  ),
  async setup({ config, needs, log, clock, defer }) {
    const { EmulatorServer } = await import('./server.js')
    const server = new EmulatorServer({ address: config.address, timeoutMs: config.timeout, clock, log })
    await server.listen()
    defer(() => server.close())
    if (!/^(127\.|localhost|\[?::1)/.test(server.address)) {
      log.warn(
        { address: server.address },
        'the emulator can be reached from other machines: anybody may invoke the function',
      )
    }
    needs.rpc.register('emulator', { Address: () => server.address })
    const facts = { functionName: 'emulated', functionVersion: '$LATEST', memoryLimitInMB: config.memory }
    return { service: { address: server.address, facts } }
  },
})
