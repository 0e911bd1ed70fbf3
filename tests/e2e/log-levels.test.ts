import assert from 'node:assert/strict'
import { test } from 'node:test'
import { nodeLoader } from '../helpers/handler-pool.js'
import { missing, projectFolder } from '../helpers/project.js'
import { invoke, startRr, testFolder } from '../helpers/rr.js'

const files = {
  'index.mjs': `export const handler = async () => {
  for (const level of ['debug', 'info', 'warn', 'error']) console[level]('at ' + level)
}
`,
  'lines.py': `import logging
def handler(event, context):
    for level in ("debug", "info", "warn", "error"):
        getattr(logging, "warning" if level == "warn" else level)("at " + level)
`,
}
const node = [`${process.execPath} ${nodeLoader} index.handler`, false] as const
const python = ['python3 -m relayrunner lines.handler', missing('python3')] as const
const all = ['debug', 'info', 'warn', 'error']
/** The server's level, the function's, and the levels of the lines that are written. */
const rows = [
  ['Node', node, 'info', undefined, all.slice(1)],
  ['Node', node, 'debug', undefined, all],
  ['Node', node, 'debug', 'WARN', all.slice(2)],
  ['Node', node, 'info', 'DEBUG', all.slice(1)],
  // Python's root logger is at warning until the function or the variable says otherwise.
  ['Python', python, 'debug', undefined, all.slice(2)],
  ['Python', python, 'debug', 'DEBUG', all],
  ['Python', python, 'info', 'DEBUG', all.slice(1)],
] as const
for (const [language, [command, skip], level, own, expected] of rows) {
  const variable = own === undefined ? 'without a level of the function' : `AWS_LAMBDA_LOG_LEVEL=${own}`
  test(`${language}: under logs.level ${level}, ${variable}, lines from ${expected[0]} are written`, {
    skip,
  }, async (t) => {
    const config = `version: "3"
logs: { level: ${level} }
server: { command: "${command}" }
lambda: { mode: event, pool: { num_workers: 1 } }
emulator: { address: "127.0.0.1:0" }
`
    const folder = await testFolder(t)
    const env = {
      LAMBDA_TASK_ROOT: folder,
      PYTHONPATH: `${projectFolder}/workers/python/src`,
      AWS_LAMBDA_LOG_LEVEL: own,
    }
    const rr = await startRr(t, ['serve'], { config, files, env, folder })
    assert.equal((await invoke(rr, {})).body, 'null')
    rr.child.kill('SIGTERM')
    assert.equal(await rr.ended, 0)
    const told = rr.lines().filter(({ logger }) => logger === 'worker')
    assert.deepEqual(
      told.map((line) => [line.level, line.message]),
      expected.map((one) => [one, `at ${one}`]),
    )
  })
}
