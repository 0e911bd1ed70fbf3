/** Says what a server that does not answer is doing, as far as the kernel tells. */
import { ErrorCode, RelayError } from '../../src/core/errors.js'
import { isCardAlive, type ServerCard } from '../../src/supervisor/folder/card.js'
import { readProcessState } from '../../src/supervisor/machine/process-state.js'
import { lambdaRunAbove } from './run-above.js'

/** Makes the error for a server that has not answered for `waitedMs`. */
export function notAnswering(card: ServerCard | undefined, waitedMs: number): RelayError {
  const { what, hint } = stateOf(card)
  const text = `the server has not answered for ${Math.round(waitedMs / 1000)} s: ${what}`
  return new RelayError(ErrorCode.NotAnswering, text, { hint })
}

function stateOf(card: ServerCard | undefined): { readonly what: string; readonly hint: string } {
  const state = card !== undefined && isCardAlive(card) ? readProcessState(card.pid) : undefined
  if (card === undefined || state === undefined) {
    return { what: 'its state cannot be read from here', hint: 'It may run in another container.' }
  }
  const { pid } = card
  switch (state.letter) {
    case 'T':
      return { what: `process ${pid} is frozen: it was stopped (SIGSTOP)`, hint: thawHint(pid) }
    case 't':
      return { what: `process ${pid} is frozen: a debugger holds it`, hint: 'Continue it in the debugger.' }
    case 'R':
      return {
        what: `process ${pid} is blocked: a long computation occupies its thread`,
        hint: 'A plugin or a huge event may be the reason. It answers again when the computation is done.',
      }
    case 'D':
      return {
        what: `process ${pid} is blocked: it waits for the disk`,
        hint: 'Check the disk.',
      }
    default:
      return {
        what: `process ${pid} is blocked: it waits inside one call (state ${state.letter})`,
        hint: 'A plugin that waits synchronously may be the reason. It answers again when the call returns.',
      }
  }
}

function thawHint(pid: number): string {
  const emulator = lambdaRunAbove(pid)
  if (emulator === undefined) return `Let it go on: kill -CONT ${pid}`
  return `\`rr lambda run\` (pid ${emulator}) freezes it between events, as Lambda does: send it an event, or end that process.`
}
