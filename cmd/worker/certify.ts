/** `rr worker certify -- COMMAND`: runs recorded frames and behaviours against a worker in any language, with a verdict a line. */

import { messageOf } from '../../src/core/errors.js'
import { ExitCode, wrongUsage } from '../options.js'
import { printable, printableJson } from '../output.js'
import { certifyCases } from './certify-cases.js'
import { type CertifyMode, WorkerProbe } from './worker-probe.js'

/** Options of the command. */
export interface CertifyOptions {
  readonly mode?: string
  readonly json?: boolean
}

interface CaseVerdict {
  readonly name: string
  /** The reason of a failure; undefined where there is none. */
  readonly why: string | undefined
}

/** Runs all cases, each on a process of its own. Resolves with 0 when all are good, 1 when one is not, 2 for wrong words. */
export async function certify(
  words: readonly string[],
  { mode = 'raw', json }: CertifyOptions,
): Promise<number> {
  const [program, ...rest] = words
  if (program === undefined) return wrongUsage('no command', 'Usage: rr worker certify -- php worker.php')
  if (mode !== 'raw' && mode !== 'jobs') return wrongUsage(`--mode ${mode}`, 'It can be raw or jobs.')
  const verdicts: CaseVerdict[] = []
  for (const { name, run } of certifyCases) {
    const why = await whyNot([program, ...rest], mode, run)
    verdicts.push({ name, why })
    if (json !== true)
      process.stdout.write(why === undefined ? `ok      ${name}\n` : `failed  ${name}: ${printable(why)}\n`)
  }
  const failedCount = verdicts.filter(({ why }) => why !== undefined).length
  const result = failedCount === 0 ? 'certified' : 'not certified'
  process.stdout.write(
    json === true
      ? `${printableJson(verdicts.map(({ name, why }) => ({ case: name, ok: why === undefined, ...(why === undefined ? {} : { why }) })))}\n`
      : `${result}: ${verdicts.length - failedCount} of ${verdicts.length}\n`,
  )
  return failedCount === 0 ? ExitCode.ok : ExitCode.fault
}

/** Runs one case; returns why it failed, with the worker's last lines. */
async function whyNot(
  words: readonly [string, ...string[]],
  mode: CertifyMode,
  run: (probe: WorkerProbe) => Promise<void>,
): Promise<string | undefined> {
  const probe = new WorkerProbe(words, mode)
  try {
    await run(probe)
    return undefined
  } catch (error) {
    const said = probe.lastWords()
    return `${messageOf(error)}${said === '' ? '' : `; its last lines: ${said}`}`
  } finally {
    await probe.end()
  }
}
