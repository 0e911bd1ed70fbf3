/** Processes and threads against the one conformance suite. The handlers are the same files. */
import { join } from 'node:path'
import { type PoolKind, testPool } from '../../conformance/pool.js'
import { testPoolLife } from '../../conformance/pool-life.js'
import { startPool } from '../../helpers/pool.js'
import { buildFolder } from '../../helpers/project.js'

const runner = join(buildFolder, 'workers', 'node', 'run.js')

const kinds: readonly PoolKind[] = [
  {
    name: 'processes',
    start: (t, words, options) => startPool(t, [process.execPath, runner, ...words], options),
  },
  {
    name: 'threads',
    start: (t, words, options = {}) =>
      startPool(t, words, { ...options, config: { ...options.config, runtime: 'thread' } }),
  },
]

for (const kind of kinds) {
  testPool(kind)
  testPoolLife(kind)
}
