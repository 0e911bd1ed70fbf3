/**
 * Builds the package: types are checked and the sources compiled to `build/`, where the tests import them; then ajv's validators of
 * the built-in sections and the JSON Schema for editors are generated; then `dist/` is made, which is what ships: the modules that
 * the exports reach, as they were compiled, and the command line, the test tools and what runs in workers as bundles. Exits non-zero on any fault.
 */
import { spawnSync } from 'node:child_process'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { writeBundles, writeWorkers } from './bundle.mjs'
import { writeLibrary, writeTesting } from './library.mjs'
import { writeValidators } from './validators.mjs'

const root = fileURLToPath(new URL('..', import.meta.url))
const [build, dist] = [`${root}build`, `${root}dist`]
rmSync(build, { recursive: true, force: true })
const tsc = spawnSync(process.execPath, [`${root}/node_modules/typescript/bin/tsc`, '-p', root], {
  stdio: 'inherit',
  cwd: root,
})
if (tsc.status !== 0) process.exit(tsc.status ?? 1)
await writeValidators(build)
const { jsonSchema, shippedSchemaId } = await import(`${build}/config/json-schema.js`)
const { builtInSections } = await import(`${build}/cmd/server/sections.js`)
const schema = jsonSchema(builtInSections, shippedSchemaId)

rmSync(dist, { recursive: true, force: true })
mkdirSync(dist)
writeLibrary({ build, dist })
// The type of a configuration is made of the sections, too.
const { configTypeText } = await import(`${build}/config/type-text.js`)
const { poolProperties } = await import(`${build}/src/index.js`)
writeFileSync(`${dist}/src/schema/define-config.d.ts`, configTypeText(builtInSections, poolProperties))
// Without indentation: editors read it, and that is 15 KB less in the package.
writeFileSync(`${dist}/rr.schema.json`, `${JSON.stringify(schema)}\n`)
await writeBundles({ build, target: `${dist}/cmd` })
await writeTesting({ build, dist })
await writeWorkers({ build, target: `${dist}/workers/node` })
