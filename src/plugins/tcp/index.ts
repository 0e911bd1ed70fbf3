/** The plugin `tcp`: gives messages of TCP clients to workers, as RoadRunner's plugin of this name does. */
import { definePlugin, Pools, procedure, Rpc } from '../../index.js'
import { tcpSection } from './section.js'

export default definePlugin({
  name: 'tcp',
  on: 'section',
  needs: { pools: Pools, rpc: Rpc },
  config: tcpSection,
  async setup({ config: settings, needs, log, clock, announce }) {
    const pool = needs.pools.open(settings.pool, { name: 'tcp', mode: 'tcp' })
    const { startTcp } = await import('./start.js')
    const { life, close } = await startTcp({ settings, pool, log, clock, announce })
    needs.rpc.register('tcp', {
      // As in RoadRunner, a connection that is not there is answered as one that is closed.
      Close: procedure({
        input: { type: 'string', default: '' },
        call: (uuid) => {
          close(uuid)
          return true
        },
      }),
    })
    return life
  },
})
