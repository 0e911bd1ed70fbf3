/** What is advised for workers that did not come up. */
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { bootHint } from '../../../src/supervisor/pool/boot/boot-hint.js'
import { shippedFolder } from '../../helpers/project.js'
import { testFolder } from '../../helpers/rr.js'

const loader = join(shippedFolder, 'workers', 'node', 'loader.js')
const files: Readonly<Record<string, string>> = {
  'index.mjs': 'export const handler = async () => 1\nexport function other() {}\n',
  'lone.cjs': 'exports.main = () => 1\n',
  'none.mjs': 'console.log(1)\n',
  'app.py': 'def main(event, context):\n    return 1\n',
  'worker.py': '',
}
const ours = (handler: string) => ['node', loader, handler]
const cases: readonly [
  what: string,
  words: readonly string[],
  code: number | null,
  last: string,
  says: RegExp,
][] = [
  [
    'Python without the SDK',
    ['python3', 'worker.py'],
    1,
    "ModuleNotFoundError: No module named 'relayrunner'",
    /^Name the SDK’s folder: `env: \{ PYTHONPATH: node_modules\/relayrunner\/workers\/python\/src \}` in `server`/,
  ],
  [
    'PHP without the SDK',
    ['php', '-r', ''],
    255,
    'PHP Fatal error:  Uncaught Error: Class "RelayRunner\\Worker" not found in /p/worker.php:3',
    /^Load the SDK .*workers\/php\/autoload\.php/,
  ],
  [
    'Node without the package',
    ['node', 'index.mjs'],
    1,
    "Error [ERR_MODULE_NOT_FOUND]: Cannot find package 'relayrunner' imported from /p/index.mjs",
    /^Run `npm install relayrunner`/,
  ],
  [
    'a typo in the function',
    ours('index.handlr'),
    1,
    '',
    /^index\.mjs has `handler`, `other`: name the handler `index\.handler`/,
  ],
  ['no function', ours('index'), 1, '', /name the handler `index\.handler`, file and function\.$/],
  ['another name', ours('lone.handler'), 1, '', /^lone\.cjs has `main`: name the handler `lone\.main`/],
  [
    'nothing exported',
    ours('none.handler'),
    1,
    '',
    /^A handler is a file and a function .*none\.mjs exports none/,
  ],
  [
    'a Python handler',
    ['python3', '-m', 'relayrunner', 'app.handler'],
    1,
    '',
    /name the handler `app\.main`/,
  ],
  ['the file of a handler', ['node', 'index.mjs'], 0, '', /name the handler `index\.handler`/],
  ['a handler that is there', ours('index.handler'), 1, '', /^Its last lines say why/],
  ['a program that serves nothing', ['node', 'none.mjs'], 0, '', /it must call serve\(\)/],
  [
    'another missing module',
    ['python3', 'worker.py'],
    1,
    "No module named 'relayrunnerx'",
    /^Its last lines/,
  ],
]
for (const [what, words, code, last, says] of cases) {
  test(`the hint for a failed boot: ${what}`, async (t) => {
    const cwd = await testFolder(t)
    for (const [name, text] of Object.entries(files)) writeFileSync(join(cwd, name), text)
    assert.match(bootHint({ words, cwd, code, lastLines: [last], allocateMs: 60_000 }), says)
  })
}
