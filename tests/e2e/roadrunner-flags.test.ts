import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { rrCommand } from '../helpers/project.js'
import { startRr, workerText } from '../helpers/rr.js'

/** Runs a command beside the server, as a tool of RoadRunner's world does. */
function beside(folder: string, ...words: readonly string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [rrCommand, ...words], {
    cwd: folder,
    encoding: 'utf8',
  })
  return { status, stdout, stderr }
}

async function serve(t: TestContext, worker: string) {
  const folder = await mkdtemp(join(tmpdir(), 'rr-flags-'))
  t.after(() => rm(folder, { recursive: true, force: true, maxRetries: 10 }))
  const socket = `unix://${join(folder, 'rpc.sock')}`
  const rr = await startRr(
    t,
    // The words of Octane, before the command.
    [
      '-c',
      join(folder, '.rr.yaml'),
      '-o',
      'version=3',
      '-o',
      `server.command=${worker.split(' ').join(',')}`,
      '-o',
      'pools.web.num_workers=1',
      '-o',
      `rpc.listen=${socket}`,
      '-o',
      'logs.level=info',
      '-o',
      'logs.mode=production',
      '-o',
      'logs.output=stdout',
      '-o',
      'logs.encoding=json',
      'serve',
      '-p',
    ],
    { folder, files: { '.rr.yaml': '' } },
  )
  // Lines have RoadRunner's members.
  await rr.line(({ msg }) => msg === 'server started')
  return { rr, folder, socket }
}

test('Octane’s words start a server, its `reset -s` finds it by rpc.listen and says nothing', async (t) => {
  const { rr, folder, socket } = await serve(t, workerText('echo'))
  assert.equal(readFileSync(join(folder, '.pid'), 'utf8'), String(rr.child.pid))
  const elsewhere = await mkdtemp(join(tmpdir(), 'rr-other-'))
  t.after(() => rm(elsewhere, { recursive: true, force: true }))
  for (const where of [folder, elsewhere])
    assert.deepEqual(beside(where, 'reset', '-o', `rpc.listen=${socket}`, '-s'), {
      status: 0,
      stdout: '',
      stderr: '',
    })
  rr.child.kill('SIGTERM')
  assert.equal(await rr.ended, 0)
  assert.equal(existsSync(join(folder, '.pid')), false)
})

test('`stop -f` does not wait for running jobs, and `-s` keeps it silent', async (t) => {
  const { rr, folder, socket } = await serve(t, workerText('ignores-stop'))
  const began = performance.now()
  assert.deepEqual(beside(folder, 'stop', '-f', '-s', '-o', `rpc.listen=${socket}`), {
    status: 0,
    stdout: '',
    stderr: '',
  })
  await rr.ended
  assert.ok(performance.now() - began < 8000, 'it did not wait for destroy_timeout')
})
