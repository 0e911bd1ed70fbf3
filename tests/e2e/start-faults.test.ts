import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, rm, symlink, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { test } from 'node:test'
import { rrCommand } from '../helpers/project.js'
import { invoke, lambdaConfig, started, startRr, testFolder, workerText } from '../helpers/rr.js'

const config = lambdaConfig(workerText('echo'), { count: 1 })

/** `rr: CODE: text` and a hint below it, nothing else. */
function assertSaid(text: string, code: string): void {
  assert.match(text, new RegExp(`^rr: ${code}: .+\\n {4}\\S.*\\n$`))
}

test('a working directory that is not there, or is a file, is one line with its path and a hint', async (t) => {
  for (const folder of ['nowhere', 'rr.yaml']) {
    const rr = await startRr(t, ['serve', '-w', folder], { config })
    assert.equal(await rr.ended, 78)
    assertSaid(rr.text(), 'RR_CONFIG_NOT_FOUND')
    assert.match(rr.text(), new RegExp(folder))
  }
})

test('a working directory that was removed is said by every command', async (t) => {
  const folder = await testFolder(t)
  for (const command of ['serve', 'workers', 'validate']) {
    const gone = join(folder, 'gone')
    await mkdir(gone)
    const script = `cd ${gone} && rmdir ${gone} && exec ${process.execPath} ${rrCommand} ${command}`
    const run = spawnSync('sh', ['-c', script], { encoding: 'utf8', cwd: folder })
    assertSaid(run.stderr, 'RR_CONFIG_NOT_FOUND')
    assert.equal(run.status, 1)
  }
})

test('a port that is taken is said in the same form', async (t) => {
  const other = createServer().listen(0, '127.0.0.1')
  t.after(() => other.close())
  await once(other, 'listening')
  const address = other.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  const rr = await startRr(t, ['serve', '-o', `emulator.address=127.0.0.1:${port}`], { config })
  assert.equal(await rr.ended, 1)
  assertSaid(rr.text(), 'RR_ADDRESS_IN_USE')
})

test('it serves without mkfifo, with a TMPDIR that is not there and without HOME, and says what it lacks', async (t) => {
  const folder = await testFolder(t)
  await mkdir(join(folder, 'bin'))
  await symlink('/bin/sh', join(folder, 'bin/sh'))
  await writeFile(join(folder, 'rr.yaml'), config)
  const script = `export PATH=${join(folder, 'bin')} TMPDIR=/nowhere; unset HOME; exec ${process.execPath} ${rrCommand} "$@"`
  const rr = await startRr(t, ['serve'], { folder, command: ['sh', '-c', script, 'sh'] })
  await started(rr)
  assert.equal((await invoke(rr, '1')).body, '1')
  assert.ok(rr.lines().some(({ level, message }) => level === 'warn' && /no watchdog/.test(message)))
  rr.child.kill('SIGTERM')
  assert.equal(await rr.ended, 0)
  await rm(join(folder, 'bin'), { recursive: true })
})
