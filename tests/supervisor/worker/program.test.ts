import assert from 'node:assert/strict'
import { chmodSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { ErrorCode, RelayError } from '../../../src/core/errors.js'
import { resolveProgram } from '../../../src/supervisor/worker/program.js'
import { job, startPool, textOf } from '../../helpers/pool.js'
import { fixture } from '../../helpers/project.js'
import { testFolder } from '../../helpers/rr.js'

const faults: readonly [what: string, text: string, mode: number, says: RegExp][] = [
  ['without x but with #!', '#!/bin/sh\n', 0o644, /is not executable \(It has a #! line: run chmod \+x/],
  ['without x', '<?php\n', 0o644, /is not executable \(Put its interpreter before it/],
  ['without #!', '<?php\n', 0o755, /is a text without a #! line \(Put its interpreter/],
  [
    'with a #! to nowhere',
    '#!/nowhere/php\n',
    0o755,
    /names "\/nowhere\/php", which cannot be run \(Install it/,
  ],
  ['with Windows line ends', '#!/bin/sh\r\n', 0o755, /names "\/bin\/sh\\r", .*Windows line ends/],
]
for (const [what, text, mode, says] of faults) {
  test(`a program ${what} is a fault that says so`, async (t) => {
    const folder = await testFolder(t)
    writeFileSync(join(folder, 'worker'), text)
    chmodSync(join(folder, 'worker'), mode)
    assert.throws(
      () => resolveProgram('./worker', folder, '/bin'),
      (error) =>
        error instanceof RelayError &&
        error.code === ErrorCode.WorkerCommand &&
        says.test(`${error.message} (${error.hint})`),
    )
  })
}

test('a bare name that is a file here and not on PATH is told how to be written', async (t) => {
  const folder = await testFolder(t)
  writeFileSync(join(folder, 'worker.php'), '')
  assert.throws(
    () => resolveProgram('worker.php', folder, '/bin'),
    (error) => error instanceof RelayError && /write \.\/worker\.php/.test(error.hint ?? ''),
  )
})

test('an executable script with a #! line is a worker, its arguments taken literally', async (t) => {
  const folder = await testFolder(t)
  const script = join(folder, 'my worker')
  const shell = `#!/bin/sh\nprintf '<%s>' "$@" >&2; echo >&2\nexec "${process.execPath}" "${fixture('workers', 'echo.mjs')}"\n`
  writeFileSync(script, shell)
  chmodSync(script, 0o755)
  const words = ['$HOME', '~', '*', 'a b', '; exit 1', '$(exit 1)', '', "it's", '--', '-c']
  const { pool, line } = await startPool(t, [script, ...words], { config: { umask: '22' } })
  assert.equal(textOf(await pool.run(job('x'))), 'x')
  assert.equal((await line(/^</)).text, words.map((word) => `<${word}>`).join(''))
})
