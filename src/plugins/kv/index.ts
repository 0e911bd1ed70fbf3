/** The plugin `kv`: key-value storages for workers, by the procedures `kv.*`. */
import { all, definePlugin, Rpc } from '../../index.js'
import { KvDriver } from '../../work/key-value.js'
import { kvSection } from './section.js'

export default definePlugin({
  name: 'kv',
  on: 'section',
  needs: { rpc: Rpc, drivers: all(KvDriver) },
  config: kvSection,
  async setup({ config, needs, defer }) {
    const { openStorages } = await import('./storages.js')
    const storages = await openStorages(config, [...needs.drivers.values()], defer)
    const { kvProcedures } = await import('./procedures.js')
    needs.rpc.register('kv', kvProcedures(storages))
  },
})
