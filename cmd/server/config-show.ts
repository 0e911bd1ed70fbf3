/** `rr config show`: prints the configuration in force: variables, includes, `-o` and defaults applied, secrets masked. */
import { effectiveSections } from '../../config/effective.js'
import { printYaml } from '../../config/yaml/yaml.js'
import { ErrorCode, hasCode } from '../../src/core/errors.js'
import { formatProblem } from '../../src/schema/tree.js'
import { sectionsOf } from '../../src/supervisor/plugins/parts.js'
import { hostSections } from '../../src/supervisor/sections.js'
import { type CommonOptions, ExitCode, sayFault } from '../options.js'
import { printableJson, printableLines } from '../output.js'
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

function effectiveConfig({ entries, active, plugins, listed }: StartPlan): object {
  const specifiers = plugins.flatMap(({ plugin, file }) => (listed.has(plugin.name) ? [file] : []))
  return {
    version: '3',
    ...(specifiers.length === 0 ? {} : { plugins: specifiers }),
    ...effectiveSections(entries, [...hostSections, ...sectionsOf(active)]),
  }
}
