/**
 * Runs every `*.test.js` below `build/tests` with Node's own runner: `node scripts/test.mjs [WORD…]` runs the files whose
 * path holds one of the words. Says which languages are missing; under CI a missing one is a failure. A file has eight minutes,
 * a run forty.
 *
 * The tests that failed are named again at the end, where a reader of a long log looks first. Up to two failed files then run once
 * more, each by itself: what fails again fails the run; what passes is printed as a race to be mended, and does not.
 */
import { spawn, spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
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
// A case of a suite of drivers is tried again where it failed, for the reason for which a file is: see above.
const env = { RR_SUITE_TRIES: '3', ...process.env, NO_COLOR: '1' }
// It slows every start of Node 20 by 80 ms, and only npm speaks TLS here: `tests/helpers/node-packages.ts` hands it on.
if (env.NODE_EXTRA_CA_CERTS !== undefined) env.RR_TEST_CA_CERTS = env.NODE_EXTRA_CA_CERTS
delete env.NODE_EXTRA_CA_CERTS
// Limits that no healthy machine reaches: a test that waits for ever fails, and so does a run whose end somebody's child holds up.
const fileMsMax = 8 * 60_000
const runMsMax = 40 * 60_000
// More failures than a race explains: the run fails at once.
const secondRunsMax = 2
const notes = mkdtempSync(join(tmpdir(), 'rr-tests-'))
let current
for (const signal of ['SIGINT', 'SIGTERM'])
  process.on(signal, () => {
    endGroup(signal)
    rmSync(notes, { recursive: true, force: true })
    process.exit(1)
  })
const timer = setTimeout(() => {
  console.error(`the tests did not end within ${runMsMax / 60_000} minutes: killed`)
  endGroup('SIGKILL')
}, runMsMax)

const first = await runTests(files)
report('failed', first.failed)
const again = [...new Set(first.failed.map(({ file }) => file))]
let passed = first.code === 0
// A test that another module defines, as a suite does, does not tell which file ran it.
const areKnown = again.every((file) => files.includes(file))
if (!passed && areKnown && again.length > 0 && again.length <= secondRunsMax && again.length < files.length) {
  passed = true
  for (const file of again) {
    console.error(`\nonce more, by itself: ${relative(root, file)}`)
    const second = await runTests([file])
    report('failed again', second.failed)
    passed &&= second.code === 0
  }
  if (passed) report('passed only when run by itself: a race, to be mended', first.failed)
}
clearTimeout(timer)
rmSync(notes, { recursive: true, force: true })
process.exit(passed ? 0 : 1)

/** Runs these files, and returns the exit code and the tests that failed. */
async function runTests(paths) {
  const list = join(notes, 'failed.jsonl')
  rmSync(list, { force: true })
  const options = ['--test', '--enable-source-maps', '--test-concurrency=3', `--test-timeout=${fileMsMax}`]
  const reporters = [
    ['tap', 'stdout'],
    [`${root}scripts/failed-tests.mjs`, list],
  ].flatMap(([reporter, target]) => [`--test-reporter=${reporter}`, `--test-reporter-destination=${target}`])
  current = spawn(process.execPath, [...options, ...reporters, ...paths], {
    stdio: 'inherit',
    env,
    cwd: root,
    detached: true,
  })
  const code = await new Promise((resolve) => current.on('exit', (status) => resolve(status ?? 1)))
  const lines = readFileSync(list, 'utf8').split('\n').filter(Boolean)
  return {
    code,
    failed: lines.map((line) => JSON.parse(line)).map((test) => ({ ...test, file: compiledFile(test.file) })),
  }
}

/** The file that ran: source maps name the TypeScript behind it. */
function compiledFile(file) {
  return file.endsWith('.ts') ? join(folder, relative(root, file)).replace(/\.ts$/, '.js') : file
}

/** Prints the tests with the first lines of their errors, below a title; nothing when there are none. */
function report(title, tests) {
  if (tests.length === 0) return
  console.error(`\n${title} (${tests.length}):`)
  for (const { file, name, error } of tests)
    console.error(`  ${relative(root, file)}: ${name}\n    ${error.split('\n').slice(0, 12).join('\n    ')}`)
}

/** Signals the runner, the test files and what they started in the same group. */
function endGroup(signal) {
  if (current === undefined) return
  try {
    process.kill(-current.pid, signal)
  } catch (error) {
    if (error.code !== 'ESRCH') throw error
  }
}
