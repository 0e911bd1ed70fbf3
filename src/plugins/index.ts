/** The built-in plugins in the order in which they are set up. Each loads its heavy parts in `setup`. */
import type { AnyPlugin } from '../index.js'
import emulator from './emulator/index.js'
import lambda from './lambda/index.js'
import logs from './logs/index.js'
import pools from './pools/index.js'
import rpc from './rpc/index.js'
import server from './server/index.js'

/** Sections of `rr.yaml` that need no npm package. */
export const builtInPlugins: readonly AnyPlugin[] = [logs, rpc, server, pools, emulator, lambda]
