/**
 * Builds `dist/` from the sources: types are checked, then emitted, then ajv's validators of the built-in sections are
 * generated. Exits non-zero on any fault.
 */
import { spawnSync } from 'node:child_process'
import { chmodSync, rmSync } from 'node:fs'
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
