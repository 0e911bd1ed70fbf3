/** `rr schema`: the JSON Schema of rr.yaml, for editors. */
import { jsonSchema } from '../../config/json-schema.js'
import { builtInPlugins } from '../../src/plugins/index.js'
import { ExitCode } from '../options.js'

/** Prints it on standard output. */
export async function schema(): Promise<number> {
  const owners = builtInPlugins.map(({ name, config }) => ({ name, config }))
  process.stdout.write(`${JSON.stringify(jsonSchema(owners), undefined, 2)}\n`)
  return ExitCode.ok
}
