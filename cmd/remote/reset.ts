/** `rr reset`: restarts the workers of some pools or of all, one worker after the other. */
import { ErrorCode, hasCode, messageOf, RelayError } from '../../src/core/errors.js'
import { Reset, ResetList } from '../../src/supervisor/rpc/own.js'
import { type CommonOptions, ExitCode, sayFault } from '../options.js'
import { printable } from '../output.js'
import { withServer } from './running-server.js'

/** Resets the named pools, or all of them when none is named. */
export async function reset(pools: readonly string[], options: CommonOptions): Promise<number> {
  let code: number = ExitCode.ok
  await withServer(options, async (client) => {
    const names = pools.length > 0 ? pools : await client.call(ResetList)
    for (const name of names) {
      try {
        await client.waitFor(Reset, name)
        if (options.silent !== true)
          process.stderr.write(`pool ${printable(name)}: every worker was replaced\n`)
      } catch (error) {
        if (!hasCode(error, ErrorCode.RpcFailed)) throw error
        // The message names the pool.
        const hint = error instanceof RelayError && error.hint !== undefined ? { hint: error.hint } : {}
        code = sayFault(new RelayError(ErrorCode.ResetFailed, messageOf(error), { ...hint, cause: error }))
      }
    }
  })
  return code
}
