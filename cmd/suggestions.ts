/** Commands and options that other programs have and rr calls otherwise: what to type instead. Pure, except for what it reads of commander. */
import type { Command } from 'commander'
import { nearestName } from '../config/validation/nearest.js'

const start =
  '`rr serve` runs the server until it is stopped, `rr dev` with an emulator of Lambda and new workers on changes.'
const state =
  '`rr workers`, `rr pools` and `rr jobs` show what the running server does, `rr top` all of it live.'
const restart =
  '`rr reset` restarts the workers of the running server; a change of rr.yaml needs `rr stop` and `rr serve`.'
const commands: Readonly<Record<string, string>> = {
  start,
  run: start,
  up: start,
  status: state,
  ps: state,
  list: state,
  reload: restart,
  restart,
  dashboard:
    '`rr top` is the live screen of a terminal; the web page is the section `dashboard:` of rr.yaml (docs/dashboard.md).',
  down: '`rr stop` stops the running server.',
  push: '`rr jobs push PIPELINE` fills a pipeline of `jobs:`, `rr send` the queue of `rr dev --sqs`.',
  check:
    '`rr validate` checks rr.yaml, `rr doctor` the machine, too, `rr lambda check` the settings of a function.',
}

const address =
  'Addresses are keys of the file: `-o emulator.address=127.0.0.1:9011` is where events come in, `-o http.address=…` where requests do.'
const options: Readonly<Record<string, string>> = {
  '--port': address,
  '--host': address,
  '--workers': 'The number of workers is a key of the file: `-o lambda.pool.num_workers=2`.',
}

/** Says what to type in place of an unknown command or option, given commander's message; undefined where nothing fits. */
export function suggestion(message: string): string | undefined {
  const [, kind, word = ''] = /unknown (command|option) '([^'=]*)/.exec(message) ?? []
  const table = kind === 'command' ? commands : options
  return kind !== undefined && Object.hasOwn(table, word) ? table[word] : undefined
}

/** Says which word after `help` is not a command; undefined for words that commander knows. commander itself would print everything. */
export function unknownHelp(program: Command, words: readonly string[]): string | undefined {
  const [first, word] = words
  if (first !== 'help' || word === undefined || word.startsWith('-') || word === 'help') return undefined
  const names = program.commands.map((command) => command.name())
  if (names.includes(word)) return undefined
  const nearest = nearestName(word, names)
  const advice = nearest === undefined ? suggestion(`unknown command '${word}'`) : `Did you mean ${nearest}?`
  return `error: unknown command '${word}'${advice === undefined ? '' : `\n(${advice})`}`
}
