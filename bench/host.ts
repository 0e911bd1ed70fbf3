/** The pools that the programs here measure: no log, nothing printed, always the same chance. */
import { systemClock } from '../src/core/clock.js'
import { seededRandom } from '../src/core/random.js'
import { silentLogger } from '../src/logging/logger.js'
import { OutputPacer } from '../src/logging/output-pacer.js'
import { serverPlatform } from '../src/platform/server.js'
import { ChildTools } from '../src/supervisor/child-tools.js'
import type { InFlightLedger } from '../src/supervisor/ledger.js'
import { PoolsHost } from '../src/supervisor/pools-host.js'

/** A host whose workers run in `folder`; the ledger, if there is one, hears of every job. */
export function benchHost(folder: string, ledger?: InFlightLedger): PoolsHost {
  return new PoolsHost({
    children: new ChildTools({ folder, log: silentLogger, isSparing: false }),
    folder,
    cwd: folder,
    env: process.env,
    platform: serverPlatform,
    rpcAddress: () => '',
    version: 'bench',
    clock: systemClock,
    random: seededRandom(1),
    log: silentLogger,
    ...(ledger === undefined ? {} : { ledger }),
    writeLine: () => undefined,
    lineBytesMax: () => 1 << 20,
    pacer: new OutputPacer(systemClock),
    splitCommand: (text) => text.split(' '),
  })
}
