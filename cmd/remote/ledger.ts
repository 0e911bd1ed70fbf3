/** `rr ledger`: what was accepted and is not acknowledged yet, the last ended ones, and the counts, which balance. */

import { type LedgerDocument, LedgerRows } from '../../src/supervisor/rpc/own.js'
import { type CommonOptions, ExitCode } from '../options.js'
import { printable } from '../output.js'
import { printAnswer, table, withServer } from './running-server.js'

/** Prints the ledger of the running server. */
export async function ledger(options: CommonOptions): Promise<number> {
  await withServer(options, async (client) => {
    printAnswer(options, await client.call(LedgerRows), ledgerText)
  })
  return ExitCode.ok
}

function ledgerText({ counts, open, ended }: LedgerDocument): string {
  const head = Object.entries(counts).map(([name, count]) => printable(`${name} ${count}`))
  const rows = [...open, ...ended].map((row) => [
    row.id,
    row.accepted_at,
    String(row.assigned),
    String(row.answered),
    row.end ?? 'open',
    row.reason ?? '',
  ])
  return `${head.join(', ')}\n${table(['ID', 'ACCEPTED', 'ASSIGNED', 'ANSWERED', 'END', 'REASON'], rows)}`
}
