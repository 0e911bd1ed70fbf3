import assert from 'node:assert/strict'
import { mkdir, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { isRunning, withVariable } from '../helpers/processes.js'
import { projectFolder } from '../helpers/project.js'
import { type RunningRr, startRr, testFolder } from '../helpers/rr.js'
import { eventually } from '../helpers/wait.js'

const text = `
import { createServer } from 'node:http'
import { definePlugin, listen, listenAddress, Processes, required, section } from 'relayrunner'
export default definePlugin({
  name: 'beside',
  needs: { processes: Processes },
  config: section({ address: required(listenAddress()), command: required({ type: 'string', format: 'command' }) }),
  async setup({ config, needs, announce, log }) {
    const stopping = new AbortController()
    const server = createServer((_, response) => response.end('here'))
    announce({ what: 'beside', where: 'http://' + (await listen(server, config.address, stopping.signal)) })
    const one = await needs.processes.start({ name: 'helper', command: config.command, env: { BESIDE: String(process.pid) } })
    log.info({ pid: one.pid }, 'started')
    return { stopTaking: () => stopping.abort() }
  },
})`

async function start(
  t: TestContext,
): Promise<{ readonly rr: RunningRr; readonly pid: number; readonly url: string }> {
  const folder = await testFolder(t)
  await mkdir(join(folder, 'node_modules'))
  await symlink(projectFolder, join(folder, 'node_modules/relayrunner'))
  await writeFile(join(folder, 'beside.mjs'), text)
  const config = `version: "3"
plugins: [./beside.mjs]
beside: { address: "127.0.0.1:0", command: "sh -c 'echo up; sleep 300 & wait'" }
`
  const rr = await startRr(t, ['serve'], { folder, config })
  const { beside } = await rr.line(({ message }) => message === 'server started')
  const line = await rr.line(({ logger, message }) => logger === 'process' && message === 'up')
  assert.equal(line.process, 'helper')
  return { rr, pid: Number(line.pid), url: String(beside) }
}

test('a process of a plugin ends with the server, and its address is free again', async (t) => {
  const { rr, pid, url } = await start(t)
  assert.equal(await (await fetch(url)).text(), 'here')
  rr.child.kill('SIGTERM')
  assert.equal(await rr.ended, 0)
  assert.equal(isRunning(pid), false)
  await assert.rejects(fetch(url))
})

test('no process of a plugin, nor what it started, outlives a server that is killed', async (t) => {
  const { rr, pid } = await start(t)
  const variable = `BESIDE=${rr.child.pid}`
  await eventually(() => withVariable(variable).length === 2)
  rr.child.kill('SIGKILL')
  await rr.ended
  await eventually(() => !isRunning(pid) && withVariable(variable).length === 0)
})
