/**
 * Builds `dist/` from the sources: types are checked, then emitted, then ajv's validators of the built-in sections and the
 * JSON Schema for editors are generated. Exits non-zero on any fault.
 */
import { spawnSync } from 'node:child_process'
import { chmodSync, rmSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { writeValidators } from './validators.mjs'

const root = fileURLToPath(new URL('..', import.meta.url))
rmSync(`${root}/dist`, { recursive: true, force: true })
const tsc = spawnSync(process.execPath, [`${root}/node_modules/typescript/bin/tsc`, '-p', root], {
  stdio: 'inherit',
  cwd: root,
})
if (tsc.status !== 0) process.exit(tsc.status ?? 1)
chmodSync(`${root}/dist/cmd/rr.js`, 0o755)
await writeValidators(`${root}/dist`)
const { jsonSchema, shippedSchemaId } = await import(`${root}/dist/config/json-schema.js`)
const { builtInSections } = await import(`${root}/dist/cmd/server/sections.js`)
const schema = jsonSchema(builtInSections, shippedSchemaId)
writeFileSync(`${root}/dist/rr.schema.json`, `${JSON.stringify(schema, undefined, 2)}\n`)
