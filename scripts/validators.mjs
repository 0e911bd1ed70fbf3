/**
 * Generates the validators of the built-in sections with ajv, as a module without imports. They only tell valid from invalid, which
 * halves what a start has to parse: what is wrong is found by ajv itself (`config/validation/validate.ts`).
 */
import { writeFileSync } from 'node:fs'
import { Ajv } from 'ajv'
import standalone from 'ajv/dist/standalone/index.js'

/** Ajv's descriptions of errors: `{instancePath:…,schemaPath:…,keyword:…,params:{…}}`. */
const errors =
  /\{instancePath(?::[^{}]*?)?,schemaPath:[^{}]*?,params:\{(?:[^{}"]|"(?:[^"\\]|\\.)*")*\}(?:,propertyName:\w+)?\}/g

/** Replaces `config/validation/built-sections.js` of a build. */
export async function writeValidators(build) {
  const { builtInSections } = await import(`${build}/cmd/server/sections.js`)
  const { ajvOptions } = await import(`${build}/config/validation/compile.js`)
  const { constraintsOf } = await import(`${build}/config/validation/constraints.js`)
  const { hashOf } = await import(`${build}/config/validation/validate.js`)
  const ajv = new Ajv({ ...ajvOptions, allErrors: true, code: { source: true, esm: true } })
  const names = builtInSections.map((_, at) => `section${at}`)
  for (const [at, { config }] of builtInSections.entries()) ajv.addSchema(constraintsOf(config), names[at])
  const code = standalone
    .default(ajv, Object.fromEntries(names.map((name) => [name, name])))
    .replace(errors, '0')
  const left = /\b(import|require|schemaPath)\b/.exec(code)?.[0]
  if (left !== undefined)
    throw new Error(`the validators of the built-in sections have an unexpected "${left}"`)
  const list = builtInSections.map(({ config }, at) => `  '${hashOf(config)}': ${names[at]},`)
  const text = `${code}\nexport const builtSections = {\n${list.join('\n')}\n}\n`
  writeFileSync(`${build}/config/validation/built-sections.js`, text)
}
