/** The plugin `service`: keeps plain programs running beside the workers. */
import { definePlugin, Processes, Rpc } from '../../index.js'
import { serviceSection } from './section.js'

export default definePlugin({
  name: 'service',
  on: 'section',
  needs: { processes: Processes, rpc: Rpc },
  config: serviceSection,
  async setup({ config, needs }) {
    const { Services } = await import('./services.js')
    const { serviceProcedures } = await import('./procedures.js')
    const services = new Services(needs.processes)
    for (const [name, settings] of Object.entries(config)) await services.create(name, settings)
    needs.rpc.register('service', serviceProcedures(services))
  },
})
