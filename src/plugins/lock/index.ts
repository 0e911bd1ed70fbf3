/** The plugin `lock`: named locks for workers, by the procedures `lock.*`. It has no keys and costs nothing until it is called. */
import { definePlugin, Rpc } from '../../index.js'
import { lockProcedures } from './procedures.js'

export default definePlugin({
  name: 'lock',
  // An environment of Lambda has one event at a time: a lock of its own would promise what it cannot keep.
  on: (mode) => mode !== 'bootstrap',
  needs: { rpc: Rpc },
  setup({ needs, clock, defer }) {
    const { procedures, close } = lockProcedures(clock)
    defer(close)
    needs.rpc.register('lock', procedures)
  },
})
