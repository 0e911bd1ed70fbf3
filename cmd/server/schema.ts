/** `rr schema`: the JSON Schema of rr.yaml, for editors. With a file also of the sections of the plugins that it lists. */
import { jsonSchema } from '../../config/json-schema.js'
import { ErrorCode, hasCode } from '../../src/core/errors.js'
import { formatProblem } from '../../src/schema/tree.js'
import { type CommonOptions, ExitCode } from '../options.js'
import { loadListedPlugins } from './plan.js'
import { sectionsWith } from './sections.js'

/** Prints it on standard output. Exit 1 when a plugin could not be loaded: it is named on standard error, its section is left out. */
export async function schema(options: CommonOptions): Promise<number> {
  const { plugins, problems } = await listedPlugins(options)
  for (const problem of problems) process.stderr.write(`${formatProblem(problem)}\n`)
  process.stdout.write(`${JSON.stringify(jsonSchema(sectionsWith(plugins)), undefined, 2)}\n`)
  return problems.length === 0 ? ExitCode.ok : ExitCode.fault
}

/** Loads the plugins that the file lists; without a file there are none. */
async function listedPlugins(options: CommonOptions): ReturnType<typeof loadListedPlugins> {
  try {
    return await loadListedPlugins(options)
  } catch (error) {
    if (options.config !== undefined || !hasCode(error, ErrorCode.ConfigNotFound)) throw error
    return { plugins: [], problems: [] }
  }
}
