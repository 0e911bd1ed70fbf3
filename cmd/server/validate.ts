/** `rr validate`: every fault of the configuration that can be known without starting anything, one a line. */

import { ErrorCode, hasCode, messageOf } from '../../src/core/errors.js'
import { formatProblem, type Problem } from '../../src/schema/tree.js'
import { type CommonOptions, ExitCode, sayFault } from '../options.js'
import { checkStart, startCounts } from './check-start.js'
import { planStart, type StartPlan, shownFile } from './plan.js'

/** Prints the problems on standard error, or as JSON on standard output; without a fault one line says that all is well. */
export async function validate(options: CommonOptions): Promise<number> {
  let plan: StartPlan
  try {
    plan = await planStart('check', options)
  } catch (error) {
    if (!hasCode(error, ErrorCode.ConfigNotFound)) throw error
    if (options.json !== true) sayFault(error)
    else
      printJson([
        {
          severity: 'error',
          at: { file: options.config ?? 'rr.yaml', line: 1, column: 1 },
          what: messageOf(error),
        },
      ])
    return ExitCode.config
  }
  // Checking an unreadable file would only report everything as missing.
  const isRead = plan.problems.every(({ what }) => !what.startsWith('not YAML'))
  const problems = [...plan.problems, ...(isRead ? checkStart(plan) : [])]
  if (options.json === true) printJson(problems)
  else for (const problem of problems) process.stderr.write(`${formatProblem(problem)}\n`)
  if (problems.some(isFault)) return ExitCode.config
  if (options.json !== true) process.stderr.write(`${summary(plan)}\n`)
  return ExitCode.ok
}

function isFault({ severity }: Problem): boolean {
  return severity === 'error'
}

function printJson(problems: readonly Problem[]): void {
  const list = problems.map(({ at, ...rest }) => ({ ...at, ...rest }))
  process.stdout.write(`${JSON.stringify({ valid: !problems.some(isFault), problems: list })}\n`)
}

/** Describes what is valid. */
function summary(plan: StartPlan): string {
  const { pools, plugins } = startCounts(plan)
  const counts = `${shownFile(plan.file)} is valid: ${count(pools, 'pool')}, ${count(plugins, 'plugin')}`
  if (pools === 0 && plugins === 0)
    return `${counts}; nothing here does any work: add \`lambda:\` or \`pools:\``
  return counts
}

function count(number: number, what: string): string {
  return `${number === 0 ? 'no' : number} ${what}${number === 1 ? '' : 's'}`
}
