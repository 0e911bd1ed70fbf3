/** The section `rpc:`: where else the control listens. Hands the values to the host, which owns the sockets. */
import { definePlugin, Rpc, section } from '../../index.js'

export default definePlugin({
  name: 'rpc',
  needs: { rpc: Rpc },
  config: section(
    {
      listen: {
        type: 'string',
        default: '',
        pattern: '^$|^unix://.+$|^tcp://.+:[0-9]+$',
        patternText: 'unix://PATH, tcp://127.0.0.1:PORT, or nothing for the private socket',
        description:
          'Where the control listens beside its private socket: `unix://PATH` or `tcp://127.0.0.1:PORT`.',
      },
    },
    'Remote control over Goridge RPC, for workers and for `rr`.',
  ),
  async setup({ config, needs }) {
    await needs.rpc.configure(config)
  },
})
