import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { missing, projectFolder } from '../helpers/project.js'

const skip = missing('python3')
const source = `${projectFolder}/workers/python/src`

const files: Readonly<Record<string, string>> = {
  'index.py': 'def handler(event, context): pass\nnumber = 7\n',
  'src/orders.py': 'from src.sub.deep import run as handler\n',
  'src/sub/deep.py': 'def run(event, context): pass\n',
  'package/__init__.py': 'class Shop:\n    def __call__(self, event, context): pass\nhandler = Shop()\n',
  'with-dash.py': 'handler = lambda event, context: None\n',
  'nofile.py': 'import nowhere.at_all\n',
  'passes_on.py': 'import helper\n',
  'helper.py': 'from index import no_such_name\n',
  'bad_syntax.py': 'def handler(event, context):\n    return (1,\n',
  'raises.py': 'def connect():\n    raise ValueError("no database")\nconnect()\n',
  'exits.py': 'import sys\nsys.exit(3)\n',
  'interrupted.py': 'raise KeyboardInterrupt\n',
  'json.py': 'def handler(event, context): pass\n',
  'env.py':
    'import os\nassert os.environ["_HANDLER"] == "env.handler"\nimport awslambdaric.lambda_context\ndef handler(event, context): pass\n',
  'elsewhere/side.py': 'def handler(event, context): pass\n',
  'null.py': 'handler = None\n\0',
}

async function taskRoot(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'rr-python-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  for (const [name, text] of Object.entries(files)) {
    await mkdir(dirname(join(folder, name)), { recursive: true })
    await writeFile(join(folder, name), text)
  }
  return folder
}

/** Starts the loader with nothing on its relay: 0 when the handler is there and the server has gone. */
function load(root: string, words: readonly string[], env: Readonly<Record<string, string>> = {}) {
  const { status, signal, stderr } = spawnSync('python3', ['-m', 'relayrunner', ...words], {
    cwd: tmpdir(),
    input: '',
    encoding: 'utf8',
    env: {
      PATH: process.env.PATH,
      HOME: process.env.HOME,
      LAMBDA_TASK_ROOT: root,
      PYTHONPATH: source,
      ...env,
    },
  })
  return { end: status ?? signal, lines: stderr.trimEnd().split('\n') }
}

test('handler strings of folders, packages and modules are found from LAMBDA_TASK_ROOT', {
  skip,
}, async (t) => {
  const root = await taskRoot(t)
  for (const name of [
    'index.handler',
    'src/orders.handler',
    'src.orders.handler',
    'src/sub/deep.run',
    'src/sub.deep.run',
    'package.handler',
    'package.Shop',
    'with-dash.handler',
    'env.handler',
  ])
    assert.deepEqual(load(root, [name]), { end: 0, lines: [''] }, name)
  assert.equal(load(root, [], { _HANDLER: 'index.handler' }).end, 0)
  assert.equal(load(root, ['side.handler'], { PYTHONPATH: `${source}:${root}/elsewhere` }).end, 0)
  // The function's own folder comes first, also in front of Python's library.
  assert.equal(load(root, ['json.handler']).end, 1)
})

const faults: readonly (readonly [name: string, last: string | RegExp, frame?: RegExp])[] = [
  [
    'missing.handler',
    "Runtime.ImportModuleError: Unable to import module 'missing': No module named 'missing'",
  ],
  [
    'src/missing.handler',
    "Runtime.ImportModuleError: Unable to import module 'src/missing': No module named 'src.missing'",
  ],
  [
    'nofile.handler',
    "Runtime.ImportModuleError: Unable to import module 'nofile': No module named 'nowhere'",
    /nofile\.py", line 1, in <module>/,
  ],
  [
    'passes_on.handler',
    /^Runtime\.ImportModuleError: Unable to import module 'passes_on': cannot import name 'no_such_name'/,
    /helper\.py", line 1/,
  ],
  ['index.nothing', "Runtime.HandlerNotFound: Handler 'nothing' missing on module 'index'"],
  ['index.number', "Runtime.HandlerNotFound: Handler 'number' missing on module 'index'"],
  [
    'index',
    "Runtime.MalformedHandlerName: Bad handler 'index': not enough values to unpack (expected 2, got 1)",
  ],
  ['', "Runtime.MalformedHandlerName: Bad handler '': not enough values to unpack (expected 2, got 1)"],
  ['sys.handler', 'Runtime.BuiltInModuleConflict: Cannot use built-in module sys as a handler module'],
  [
    'bad_syntax.handler',
    /^Runtime\.UserCodeSyntaxError: Syntax error in module 'bad_syntax': /,
    /bad_syntax\.py" Line [23]/,
  ],
  ['raises.handler', 'ValueError: no database', /raises\.py", line 2, in connect/],
  ['null.handler', /^(Runtime\.UserCodeSyntaxError: Syntax error in module 'null'|ValueError): .*null bytes/],
  ['/opt/index.handler', /^TypeError: .*relative import/],
  ['../index.handler', /^TypeError: .*relative import/],
  ['.handler', /^ValueError: Empty module name/],
]

test('what is wrong with a handler is told in AWS’s words, with the frames of the user’s files alone', {
  skip,
}, async (t) => {
  const root = await taskRoot(t)
  for (const [name, last, frame] of faults) {
    const { end, lines } = load(root, [name])
    const text = lines.join('\n')
    assert.equal(end, 1, name)
    if (typeof last === 'string') assert.equal(lines.at(-1), last)
    else assert.match(lines.at(-1) ?? '', last)
    if (frame !== undefined) assert.match(text, frame)
    assert.doesNotMatch(text, /importlib|relayrunner\//, name)
  }
  assert.equal(load(root, ['exits.handler']).end, 3)
  assert.equal(load(root, ['interrupted.handler']).lines.at(-1), 'KeyboardInterrupt')
})

const order = `
import os, sys
os.path.isdir = lambda folder: True
sys.path[:] = ["/own/first", "/own/second", "/usr/lib/python", "/usr/lib/python/site-packages"]
from relayrunner.handler.file import prepare_path
prepare_path()
print([folder.replace(f"python{sys.version_info.major}.{sys.version_info.minor}", "pythonX") for folder in sys.path])
`

test('a layer comes behind the function and PYTHONPATH and in front of Python’s own packages', {
  skip,
}, () => {
  const { stdout } = spawnSync(
    'python3',
    ['-c', `import sys; sys.path.insert(0, ${JSON.stringify(source)})\nimport relayrunner\n${order}`],
    {
      encoding: 'utf8',
      env: {
        PATH: process.env.PATH,
        HOME: process.env.HOME,
        LAMBDA_TASK_ROOT: '/var/task',
        PYTHONPATH: '/own/first:/own/second',
      },
    },
  )
  assert.equal(
    stdout.trim(),
    "['/var/task', '/own/first', '/own/second', '/opt/python/lib/pythonX/site-packages', '/opt/python', '/usr/lib/python', '/usr/lib/python/site-packages']",
  )
})
