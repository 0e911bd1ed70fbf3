/** `rr stop`: asks the running server to stop and returns when its process has gone. */
import { sleep, systemClock } from '../../src/core/clock.js'
import { isCardAlive, type ServerCard } from '../../src/supervisor/folder/card.js'
import { isSameProcess, readProcessState } from '../../src/supervisor/machine/process-state.js'
import { Stop, type StopBegun } from '../../src/supervisor/rpc/own.js'
import { type CommonOptions, ExitCode } from '../options.js'
import { printable } from '../output.js'
import { candidates, wantedServer } from './find-server.js'
import { lambdaRunAbove } from './run-above.js'
import { withServer } from './running-server.js'
import { notAnswering } from './server-state.js'

const lookEveryMs = 20
// After the socket closes only the log is flushed.
const lastWordsMsMax = 10_000

/** Stops the server. A server that `rr lambda run` has frozen cannot answer, so that run is stopped instead. */
export async function stop(options: CommonOptions): Promise<number> {
  const frozen = await frozenServer(options)
  if (frozen !== undefined) return stopLambdaRun(frozen)
  await withServer(options, async (client) => {
    const begun = await client.call(Stop)
    if (options.silent !== true && options.force !== true) process.stderr.write(waitText(begun))
    // The second request to end kills at once, as a second signal does.
    if (options.force === true) process.kill(client.pid, 'SIGTERM')
    const isClosed = new AbortController()
    void client.closed.then(() => isClosed.abort())
    await Promise.race([client.closed, client.watch(isClosed.signal).then(() => client.closed)])
    await processGone({ pid: client.pid, startTicks: client.card?.startTicks, card: client.card })
    if (options.silent !== true)
      process.stderr.write(`stopped: pid ${client.pid}, ${printable(client.path)}\n`)
  })
  return ExitCode.ok
}

/** Says what the server waits for; empty where nothing runs, or an older server does not say. */
function waitText({ jobs = 0, limit_ms: limitMs }: StopBegun): string {
  if (jobs === 0) return ''
  const limit = limitMs === undefined ? '' : `, up to ${Math.ceil(limitMs / 1000)} s`
  return `waiting for ${jobs} ${jobs === 1 ? 'job' : 'jobs'}${limit}; \`rr stop --force\` does not wait\n`
}

/** A server that is frozen by `rr lambda run`. */
interface FrozenServer {
  readonly card: ServerCard
  /** The pid of the `rr lambda run`. */
  readonly runPid: number
}

async function frozenServer(options: CommonOptions): Promise<FrozenServer | undefined> {
  for (const { card } of candidates(await wantedServer(options))) {
    if (card === undefined || !isCardAlive(card) || readProcessState(card.pid)?.letter !== 'T') continue
    const runPid = lambdaRunAbove(card.pid)
    if (runPid !== undefined) return { card, runPid }
  }
  return undefined
}

/** SIGTERM ends the environment in order, as Ctrl-C does. */
async function stopLambdaRun({ card, runPid }: FrozenServer): Promise<number> {
  const startTicks = readProcessState(runPid)?.startTicks
  process.kill(runPid, 'SIGTERM')
  await processGone({ pid: runPid, startTicks, card })
  process.stderr.write(`stopped: rr lambda run (pid ${runPid}), ${printable(card.path)}\n`)
  return ExitCode.ok
}

/** Polls until the process has ended: it is not our child, so there is no event for it. */
async function processGone(gone: {
  readonly pid: number
  readonly startTicks: number | undefined
  readonly card: ServerCard | undefined
}): Promise<void> {
  const giveUpAt = systemClock.monotonicMs() + lastWordsMsMax
  while (isSameProcess(gone.pid, gone.startTicks)) {
    if (systemClock.monotonicMs() > giveUpAt) throw notAnswering(gone.card, lastWordsMsMax)
    await sleep(systemClock, lookEveryMs)
  }
}
