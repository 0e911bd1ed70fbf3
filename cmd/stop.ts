/** `rr stop`: asks the running server to stop and returns when its process has gone. */
import { sleep, systemClock } from '../src/core/clock.js'
import { isSameProcess } from '../src/supervisor/machine/process-state.js'
import { type ControlClient, withServer } from './control.js'
import { type CommonOptions, ExitCode } from './options.js'
import { printable } from './printable.js'
import { notAnswering } from './server-state.js'

const lookEveryMs = 20
// After the socket closes only the log is flushed.
const lastWordsMsMax = 10_000

/** Stops the server. */
export async function stop(options: CommonOptions): Promise<number> {
  await withServer(options, async (client) => {
    await client.call('rr.Stop')
    const isClosed = new AbortController()
    void client.closed.then(() => isClosed.abort())
    await Promise.race([client.closed, client.watch(isClosed.signal).then(() => client.closed)])
    await processGone(client)
    process.stderr.write(`stopped: pid ${client.pid}, ${printable(client.path)}\n`)
  })
  return ExitCode.ok
}

/** Polls until the server's process has ended: it is not our child, so there is no event for it. */
async function processGone({ pid, card }: ControlClient): Promise<void> {
  const giveUpAt = systemClock.monotonicMs() + lastWordsMsMax
  while (isSameProcess(pid, card?.startTicks)) {
    if (systemClock.monotonicMs() > giveUpAt) throw notAnswering(card, lastWordsMsMax)
    await sleep(systemClock, lookEveryMs)
  }
}
