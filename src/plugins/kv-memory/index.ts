/** The plugin `kv-memory`: storages that live in this process and are lost with it. */
import { definePlugin } from '../../index.js'
import { KvDriver, kvDriver } from '../../work/key-value.js'

const part = {
  name: 'memory',
  description: 'Values that are kept in this process and are lost with it.',
  properties: {
    max_size: {
      type: 'string',
      format: 'size',
      default: '512MB',
      description: 'Bytes of keys and values at most; a further value is refused.',
    },
    interval: {
      type: 'integer',
      minimum: 0,
      maximum: 86_400,
      default: 0,
      description: 'Accepted for RoadRunner’s sake: a value is removed at its very end.',
    },
  },
} as const

export default definePlugin({
  name: 'kv-memory',
  on: 'named',
  provides: KvDriver,
  parts: { [KvDriver.name]: [part] },
  async setup({ clock }) {
    const { MemoryStorage } = await import('./storage.js')
    return {
      service: kvDriver(part, async ({ config }) => new MemoryStorage({ clock, bytesMax: config.max_size })),
    }
  },
})
