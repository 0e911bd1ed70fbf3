import assert from 'node:assert/strict'
import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { ErrorCode, RelayError } from '../../../../src/core/errors.js'
import { resolveProgram } from '../../../../src/supervisor/worker/os/program.js'
import { job, startPool, textOf } from '../../../helpers/pool.js'
import { fixture } from '../../../helpers/project.js'
import { testFolder } from '../../../helpers/rr.js'

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
  [
    'that asks env for nobody',
    '#!/usr/bin/env phpx\n',
    0o755,
    /env for "phpx", which is not on PATH \(\/bin\)/,
  ],
  ['with Windows line ends behind env', '#!/usr/bin/env sh\r\n', 0o755, /env for "sh\\r".*Windows line ends/],
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

test('PATH is searched as execvp does: what cannot hold the program is passed over', async (t) => {
  const folder = await testFolder(t)
  const put = (path: string, mode: number) => {
    mkdirSync(dirname(join(folder, path)), { recursive: true })
    writeFileSync(join(folder, path), '#!/bin/sh\n', { mode })
  }
  put('good bin/tool', 0o755)
  put('here', 0o755)
  put('plain/tool', 0o644)
  put('afile', 0o755)
  mkdirSync(join(folder, 'dirs/tool'), { recursive: true })
  symlinkSync('loop', join(folder, 'loop'))
  symlinkSync('/nowhere', join(folder, 'dangling'))
  const odd = [
    '/nowhere',
    join(folder, 'afile'),
    join(folder, 'loop'),
    join(folder, 'dangling'),
    'dirs',
    'plain',
  ]
  const path = [...odd, 'x'.repeat(5000), '~', 'good bin'].join(':')
  assert.equal(resolveProgram('tool', folder, path), join(folder, 'good bin/tool'))
  for (const empty of ['', ':', '/nowhere:', ':/nowhere', '/nowhere::/nowhere2', '.'])
    assert.equal(resolveProgram('here', folder, empty), join(folder, 'here'), empty)
  assert.throws(() => resolveProgram('here', folder, '/nowhere'), /not on PATH/)
})

test('a program by its path that is missing is told with the part that is', async (t) => {
  const folder = await testFolder(t)
  mkdirSync(join(folder, 'bin/sub'), { recursive: true })
  writeFileSync(join(folder, 'file'), '')
  symlinkSync('/nowhere/php', join(folder, 'link'))
  for (const [word, says] of [
    ['./bni/php', /there is no \S+\/bni$/],
    ['./bin/php', /there is no \S+\/bin\/php$/],
    ['./file/php', /\/file is not a folder$/],
    ['./link', /link is a link to \/nowhere\/php, which is not there$/],
    ['./bin/sub', /it is a folder$/],
  ] as const)
    assert.throws(
      () => resolveProgram(word, folder, '/bin'),
      (error: Error) => says.test(error.message),
      word,
    )
})

test('a boot that fails names the script or the folder that is not there, and never speaks of a protocol', async (t) => {
  const faultOf = async (words: readonly string[], config = {}) => {
    const { pool } = await startPool(t, words, { config })
    const [boot] = await pool.booted
    const fault = boot?.fault
    const text = fault instanceof RelayError ? `${fault.message} (${fault.hint})` : String(fault)
    assert.doesNotMatch(text, /PID re/)
    return text
  }
  assert.match(await faultOf([process.execPath, 'workr.mjs']), /There is no file \S+\/workr\.mjs/)
  assert.match(
    await faultOf([process.execPath, '-e', '0']),
    /ended without waiting for jobs: it must call serve\(\)/,
  )
  const silent = await faultOf([process.execPath, '-e', 'setInterval(() => 0, 1000)'], {
    allocate_timeout: 300,
  })
  assert.match(silent, /did not report that it is ready within 300 ms/)
})
