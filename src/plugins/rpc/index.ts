/** Section `rpc:`: the address at which workers and other clients reach RPC. Passes the values to the host, which owns the sockets. */
import { definePlugin, isLoopback, Rpc, type SectionFault, section } from '../../index.js'

export default definePlugin({
  name: 'rpc',
  needs: { rpc: Rpc },
  config: section(
    {
      listen: {
        type: 'string',
        default: '',
        pattern: '^$|^unix://.+$|^tcp://.*:[0-9]+$',
        patternText: 'unix://PATH, tcp://127.0.0.1:PORT, or nothing for the private socket',
        description:
          'Where workers and other clients reach RPC instead of the private `worker.sock`: `unix://PATH` or `tcp://127.0.0.1:PORT`.',
      },
      allow_remote: {
        type: 'boolean',
        default: false,
        description:
          'Let `listen` name an address that other machines can reach. There is no password: each start warns of it.',
      },
    },
    'RPC for workers and other clients. `rr`’s own commands have a socket of their own.',
    ({ listen, allow_remote: isAllowed }) => (isAllowed ? [] : remoteFault(listen)),
  ),
  async setup({ config, needs }) {
    await needs.rpc.configure({ listen: config.listen, allowRemote: config.allow_remote })
  },
})

function remoteFault(listen: string): readonly SectionFault[] {
  const host = /^tcp:\/\/(.*):\d+$/.exec(listen)?.[1]
  if (host === undefined || isLoopback(host)) return []
  const hint =
    'write tcp://127.0.0.1:PORT, or allow it with allow_remote: true: whoever reaches the port can reset the workers'
  return [{ key: 'listen', what: `${listen} is not a loopback address`, hint }]
}
