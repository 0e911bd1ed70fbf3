import { memoryGuarantees } from '../../../src/plugins/memory/guarantees.js'
import { testJobDriver } from '../../../testing/index.js'

testJobDriver({
  driver: 'memory',
  queue: async () => ({ config: {} }),
  guarantees: memoryGuarantees,
})
