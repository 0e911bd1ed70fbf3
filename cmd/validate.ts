/** `rr validate`: every fault of the configuration, one a line, and nothing started. */
import { formatProblem, type Problem } from '../config/tree.js'
import { ErrorCode, hasCode, messageOf } from '../src/core/errors.js'
import { type CommonOptions, ExitCode } from './options.js'
import { planStart } from './plan-start.js'

/** Prints the problems on standard error, or as JSON on standard output. */
export async function validate(options: CommonOptions): Promise<number> {
  const problems = await findProblems(options)
  const isBad = problems.some((problem) => problem.severity === 'error')
  if (options.json === true) {
    const list = problems.map(({ at, ...rest }) => ({ ...at, ...rest }))
    process.stdout.write(`${JSON.stringify({ valid: !isBad, problems: list })}\n`)
  } else for (const problem of problems) process.stderr.write(`${formatProblem(problem)}\n`)
  return isBad ? ExitCode.config : ExitCode.ok
}

async function findProblems(options: CommonOptions): Promise<readonly Problem[]> {
  try {
    return (await planStart('check', options)).problems
  } catch (error) {
    const isFile = hasCode(error, ErrorCode.ConfigNotFound)
    const isPlugin = hasCode(error, ErrorCode.PluginLoad) || hasCode(error, ErrorCode.PluginApi)
    if (!isFile && !isPlugin) throw error
    const at = { file: options.config ?? 'rr.yaml', line: 1, column: 1 }
    return [{ severity: 'error', at, what: messageOf(error) }]
  }
}
