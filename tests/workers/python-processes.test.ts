import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { job, startPool, textOf } from '../helpers/pool.js'
import { fixture, missing, projectFolder } from '../helpers/project.js'

const skip = missing('python3')
const source = `${projectFolder}/workers/python/src`
const serveModule = `
import json, sys
sys.path.insert(0, ${JSON.stringify(fixture('python'))})
from relayrunner import serve
import processes
if __name__ == "__main__":
    serve(lambda body, context: json.dumps(processes.handler(json.loads(body), context)))
`

function start(t: TestContext, kind: 'loader' | 'serve', relay: string) {
  const words = kind === 'loader' ? ['-m', 'relayrunner', 'processes.handler'] : ['-c', serveModule]
  return startPool(t, ['python3', ...words], {
    relay,
    env: { PYTHONPATH: source, LAMBDA_TASK_ROOT: fixture('python') },
  })
}

const does = (what: string) => ({ ...job(JSON.stringify({ do: what }), what), context: '{"kind":"event"}' })

const children: readonly (readonly [way: string, result: unknown])[] = [
  ['stdin', 0],
  ['input', 'EOFError'],
  ['run', 0],
  ['close_fds', []],
  ['system', 0],
  ['popen', ''],
  ['posix_spawn', 0],
  ['fork', '0'],
  ['fork-multiprocessing', [0, 0]],
  ['spawn-multiprocessing', [0, 0]],
  ['thread', [0]],
  ['left-behind', 'started'],
  ['twice', 'parent'],
  ['child-raises', 0],
  ['child-exits', 4],
]

for (const kind of ['loader', 'serve'] as const) {
  for (const relay of ['pipes', 'unix://FOLDER/relay.sock']) {
    test(`a child of a Python handler (${kind}, ${relay}) reads nothing, has no relay and answers nothing`, {
      skip,
    }, async (t) => {
      const { pool } = await start(t, kind, relay)
      for (const [way, expected] of children) {
        const result = textOf(await pool.run(does(way)))
        assert.deepEqual(JSON.parse(result), expected, way)
      }
      assert.equal((await pool.workers())[0]?.jobs, children.length)
    })

    test(`what a Python handler (${kind}, ${relay}) prints, however, is a line of its own job`, {
      skip,
    }, async (t) => {
      const { pool, lines, line } = await start(t, kind, relay)
      await pool.run(does('prints'))
      await pool.run(does('run'))
      await line(/no line end/)
      const said = lines.map(({ text, job }) => [text, job])
      for (const text of [
        'from print',
        'from stdout',
        'from descriptor 1',
        'from a child',
        'no line end\\udc80 lone',
      ])
        assert.deepEqual(
          said.find(([one]) => one === text),
          [text, 'prints'],
        )
    })
  }

  test(`a Python handler (${kind}) that ends its process is told by its exit code, and its atexit hooks run`, {
    skip,
  }, async (t) => {
    const { pool, line, lines } = await start(t, kind, 'pipes')
    await pool.run(does('at-exit'))
    await assert.rejects(pool.run(does('exit')), /ended with exit code 5/)
    await line(/flushed at exit/)
    await assert.rejects(pool.run(does('hard-exit')), /ended with exit code 6/)
    assert.equal(lines.filter(({ text }) => /Traceback/.test(text)).length, 0)
    assert.equal(textOf(await pool.run(does('run'))), '0')
  })
}
