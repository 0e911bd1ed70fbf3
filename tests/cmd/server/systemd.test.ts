import assert from 'node:assert/strict'
import { chmod, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { startRr, testFolder, workerText } from '../../helpers/rr.js'
import { eventually } from '../../helpers/wait.js'

test('systemd is told once the workers have booted, and when the server stops', async (t) => {
  const folder = await testFolder(t)
  const program = join(folder, 'systemd-notify')
  await writeFile(program, '#!/bin/sh\necho "$@" >> told\n')
  await chmod(program, 0o755)
  const rr = await startRr(t, ['serve'], {
    folder,
    config: `version: "3"\nserver: { command: "${workerText('echo')}" }\npools: { web: { num_workers: 1 } }\n`,
    env: { NOTIFY_SOCKET: '/run/none', PATH: `${folder}:${process.env.PATH}` },
  })
  const told = () => readFile(join(folder, 'told'), 'utf8').catch(() => '')
  await eventually(async () => (await told()) === `--pid=${rr.child.pid} READY=1\n`)
  rr.child.kill('SIGTERM')
  assert.equal(await rr.ended, 0)
  await eventually(async () => (await told()).endsWith(`--pid=${rr.child.pid} STOPPING=1\n`))
})
