/** The plugin `app`: the log for workers, by the procedures `app.*` of RoadRunner's app-logger. */
import { definePlugin, Rpc } from '../../index.js'
import { appProcedures } from './procedures.js'

export default definePlugin({
  name: 'app',
  on: 'always',
  needs: { rpc: Rpc },
  setup({ needs, log }) {
    needs.rpc.register('app', appProcedures(log))
  },
})
