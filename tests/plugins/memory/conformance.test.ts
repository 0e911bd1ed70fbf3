import { testJobDriver } from '../../../testing/index.js'

testJobDriver({
  driver: 'memory',
  queue: async () => ({ config: {} }),
  guarantees: {
    ordered: true,
    lanes: false,
    delayMsMax: 86_400_000,
    leaseMsMin: 0,
    abortedPulls: 'clean',
    duplicates: 'never',
    attempts: true,
    durable: false,
    shared: false,
    binary: true,
    counts: 'exact',
  },
})
