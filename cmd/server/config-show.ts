/** `rr config show`: prints the configuration in force: variables, includes, `-o` and defaults applied, secrets masked. */
import { printYaml } from '../../config/yaml/yaml.js'
import { ErrorCode, hasCode } from '../../src/core/errors.js'
import { formatProblem } from '../../src/schema/tree.js'
import { type CommonOptions, ExitCode, sayFault } from '../options.js'
import { printableJson, printableLines } from '../output.js'
import { effectiveConfig } from './effective-config.js'
import { planStart, type StartPlan } from './plan.js'

/** Prints YAML, or one JSON document. Exit 78 when the file has faults: they are on standard error. */
export async function configShow(options: CommonOptions): Promise<number> {
  let plan: StartPlan
  try {
    plan = await planStart('check', options)
  } catch (error) {
    if (!hasCode(error, ErrorCode.ConfigNotFound)) throw error
    sayFault(error)
    return ExitCode.config
  }
  for (const problem of plan.problems) process.stderr.write(`${formatProblem(problem)}\n`)
  if (plan.problems.some(({ severity }) => severity === 'error')) return ExitCode.config
  const config = effectiveConfig(plan)
  const text = options.json === true ? `${printableJson(config)}\n` : printableLines(await printYaml(config))
  process.stdout.write(text)
  return ExitCode.ok
}
