/** `rr ledger`: what was accepted and is not acknowledged yet, the last ended ones, and the counts, which balance. */

import { type CommonOptions, ExitCode } from '../options.js'
import { printable } from '../output.js'
import { printAnswer, rowsOf, table, withServer } from './control.js'

/** Prints the ledger of the running server. */
export async function ledger(options: CommonOptions): Promise<number> {
  await withServer(options, async (client) => {
    printAnswer(options, await client.call('rr.Ledger'), ledgerText)
  })
  return ExitCode.ok
}

function ledgerText(value: unknown): string {
  const [{ counts, open, ended } = {}] = rowsOf([value])
  const [sums = {}] = rowsOf([counts])
  const head = Object.entries(sums).map(([name, count]) => printable(`${name} ${String(count)}`))
  const rows = [...rowsOf(open), ...rowsOf(ended)].map((row) => [
    String(row.id),
    String(row.accepted_at),
    String(row.assigned),
    String(row.answered),
    String(row.end ?? 'open'),
    String(row.reason ?? ''),
  ])
  return `${head.join(', ')}\n${table(['ID', 'ACCEPTED', 'ASSIGNED', 'ANSWERED', 'END', 'REASON'], rows)}`
}
