/** A plugin: logs at an interval how many workers of a pool are idle, and counts the log lines. */
import { definePlugin, Pools, Rpc, section, serviceKey, sleep } from 'relayrunner'

/** The service for other plugins: `needs: { heartbeat: Heartbeat }`. */
export interface HeartbeatService {
  readonly beats: number
}
export const Heartbeat = serviceKey<HeartbeatService>('heartbeat')

export default definePlugin({
  name: 'heartbeat',
  needs: { pools: Pools, rpc: Rpc },
  provides: Heartbeat,
  config: section({
    pool: { type: 'string', default: 'default', description: 'Pool to look at.' },
    interval: { type: 'string', format: 'duration', default: '5s', description: 'Time between two beats.' },
  }),
  setup({ config, needs, log, clock, defer }) {
    let beats = 0
    needs.rpc.register('heartbeat', { Beats: { call: () => beats } })
    defer(() => log.info({ beats }, 'last beat'))
    return {
      service: {
        get beats() {
          return beats
        },
      },
      async serve(signal) {
        while (!signal.aborted) {
          beats += 1
          // Undefined until somebody opens the pool: a look at it boots no workers.
          const pool = needs.pools.get(config.pool)
          log.info(
            { beats, pool: config.pool, idle: pool?.idleCount ?? 0, live: pool?.liveCount ?? 0 },
            'beat',
          )
          await sleep(clock, config.interval, signal)
        }
      },
    }
  },
})
