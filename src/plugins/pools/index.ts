/** The section `pools:`: named pools that plugins may share. Hands the values to the host, which owns the pools. */
import { definePlugin, mapSection, Pools, poolProperties } from '../../index.js'

export default definePlugin({
  name: 'pools',
  needs: { pools: Pools },
  on: 'section',
  config: mapSection({ type: 'object', properties: poolProperties }, 'Named pools that plugins may share.'),
  setup({ config, needs }) {
    needs.pools.declare(config)
  },
})
