/**
 * Runs every `*.test.js` below `build/tests` with Node's own runner: `node scripts/test.mjs [WORD…]` runs the files whose
 * path holds one of the words. Says which languages are missing; under CI a missing one is a failure. A file has eight minutes,
 * a run forty.
 */
import { spawn, spawnSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const folder = `${root}build`
const words = process.argv.slice(2)

const missing = [
  ['php', ['-v']],
  ['python3', ['-V']],
].filter(([name, argument]) => {
  return spawnSync(name, argument, { stdio: 'ignore' }).status !== 0
})
for (const [name] of missing) console.error(`${name} is not on this machine: its tests are skipped`)
if (missing.length > 0 && process.env.CI) {
  console.error('in CI nothing may be skipped: install what is missing (see .ci/run)')
  process.exit(1)
}

const files = readdirSync(`${folder}/tests`, { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.test.js'))
  .filter((file) => words.length === 0 || words.some((word) => `/${file}`.includes(word)))
  .sort()
  .map((file) => `${folder}/tests/${file}`)
const idle = words.filter((word) => !files.some((file) => file.slice(folder.length).includes(word)))
if (files.length === 0 || idle.length > 0) {
  // Without a file Node would look for tests itself, and run them all.
  console.error(
    `no test file below build/tests has ${idle.map((word) => `"${word}"`).join(' or ')} in its path`,
  )
  process.exit(1)
}
const env = { ...process.env, NO_COLOR: '1' }
// It slows every start of Node 20 by 80 ms, and only npm speaks TLS here: `tests/helpers/node-packages.ts` hands it on.
if (env.NODE_EXTRA_CA_CERTS !== undefined) env.RR_TEST_CA_CERTS = env.NODE_EXTRA_CA_CERTS
delete env.NODE_EXTRA_CA_CERTS
// Limits that no healthy machine reaches: a test that waits for ever fails, and so does a run whose end somebody's child holds up.
const fileMsMax = 8 * 60_000
const runMsMax = 40 * 60_000
const runner = ['--test', '--enable-source-maps', '--test-concurrency=3', `--test-timeout=${fileMsMax}`]
const run = spawn(process.execPath, [...runner, ...files], {
  stdio: 'inherit',
  env,
  cwd: root,
  detached: true,
})
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => endGroup(signal))
const timer = setTimeout(() => {
  console.error(`the tests did not end within ${runMsMax / 60_000} minutes: killed`)
  endGroup('SIGKILL')
}, runMsMax)
run.on('exit', (code) => {
  clearTimeout(timer)
  process.exit(code ?? 1)
})

/** Signals the runner, the test files and what they started in the same group. */
function endGroup(signal) {
  try {
    process.kill(-run.pid, signal)
  } catch (error) {
    if (error.code !== 'ESRCH') throw error
  }
}
