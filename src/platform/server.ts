/** The platform of `rr serve` and `rr dev`: a machine, or a container, that is ours alone. */
import { plainShape } from '../logging/shape.js'
import type { Platform } from './platform.js'

/** The platform where the configuration decides everything. */
export const serverPlatform: Platform = {
  log: plainShape,
  grant: undefined,
  sharedVariables: [],
  ownVariables: [],
  watchdogCount: 2,
  opensLate: false,
  stopBudget: undefined,
  slowBootMs: undefined,
}
