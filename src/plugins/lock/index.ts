/** The plugin `lock`: named locks for workers, by the procedures `lock.*`. It costs nothing until it is called. */
import { randomUUID } from 'node:crypto'
import { definePlugin, Rpc } from '../../index.js'
import type { LockTable } from './lock-table.js'
import { lockProcedures } from './procedures.js'
import { lockSection } from './section.js'

export default definePlugin({
  name: 'lock',
  // An environment of Lambda has one event at a time: a lock of its own would promise what it cannot keep.
  on: (mode) => mode !== 'bootstrap',
  needs: { rpc: Rpc },
  config: lockSection,
  async setup({ config: { driver, config }, needs, clock, log, defer }) {
    const open = async (): Promise<LockTable> => {
      if (driver === 'memory') return new (await import('./locks.js')).Locks(clock)
      const { openRedisLocks } = await import('./redis-locks.js')
      return openRedisLocks(config, { clock, log, owner: randomUUID() })
    }
    // A missing package, or a file of TLS that cannot be read, is told at the start.
    const opened = driver === 'redis' ? await open() : undefined
    const { procedures, close } = lockProcedures(async () => opened ?? open())
    defer(() => (opened === undefined ? close() : opened.close()))
    needs.rpc.register('lock', procedures)
  },
})
