/** What goes wrong beside a running server, what is typed, and what rr must answer: which server runs, and what to do. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { chmod, copyFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { type CommandRun, rr } from '../helpers/command.js'
import { freePorts } from '../helpers/free-ports.js'
import { rrCommand } from '../helpers/project.js'
import { type RunningRr, started, startRr, workerText } from '../helpers/rr.js'
import { notRoot, plainUser } from '../helpers/users.js'

interface Mistake {
  readonly what: string
  /** Words of the command, in the folder of the server. */
  readonly words: readonly string[]
  readonly code: number
  readonly says: RegExp
}

const mistakes: readonly Mistake[] = [
  {
    what: 'the file of another server',
    words: ['workers', '-c', 'other.yaml'],
    code: 1,
    says: /^rr: RR_NOT_RUNNING: no server runs for .*\/other\.yaml\n {4}Running: .*\/rr\.yaml \(pid PID\).*Name the file with -c/,
  },
  {
    what: 'another control socket',
    words: ['workers', '-o', 'rpc.listen=tcp://127.0.0.1:1'],
    code: 1,
    says: /^rr: RR_NOT_RUNNING: .* with rpc\.listen=tcp:\/\/127\.0\.0\.1:1\n {4}Process PID serves it with another rpc\.listen: add -o rpc\.listen=\n$/,
  },
  {
    what: 'a control socket in a folder that is not there',
    words: ['stop', '-o', 'rpc.listen=unix:///nowhere/rr.sock'],
    code: 1,
    says: /^rr: RR_NOT_RUNNING: .*\n {4}Process PID serves it with another rpc\.listen/,
  },
  {
    what: 'a second server with the same file',
    words: ['serve'],
    code: 1,
    says: /RR_ALREADY_RUNNING: .*\(.*rpc\.sock, process PID\)\n? .*Stop it with `rr stop`/,
  },
  {
    what: 'a second server on the same port',
    words: ['serve', '-c', 'other.yaml'],
    code: 1,
    says: /RR_ADDRESS_IN_USE: 127\.0\.0\.1:PORT is in use/,
  },
  {
    what: 'a pool that is not there',
    words: ['reset', 'htpp'],
    code: 1,
    says: /^rr: RR_RESET_FAILED: there is no pool "htpp" \(pools: http\)/,
  },
  {
    what: 'a pipeline, where there are no queues',
    words: ['jobs', 'pause', 'mail'],
    code: 1,
    says: /^rr: RR_\w+: .*\n? {4}/,
  },
]

async function start(t: TestContext): Promise<{ server: RunningRr; port: number }> {
  const [port = 0] = await freePorts(1)
  const config = [
    'version: "3"',
    `server: { command: "${workerText('echo')}" }`,
    `http: { address: "127.0.0.1:${port}", pool: { num_workers: 1 } }`,
    '',
  ].join('\n')
  const server = await startRr(t, ['serve'], { config })
  await started(server)
  await copyFile(join(server.folder, 'rr.yaml'), join(server.folder, 'other.yaml'))
  return { server, port }
}

function check({ code, err }: CommandRun, mistake: Omit<Mistake, 'words'>): void {
  assert.match(err, mistake.says, mistake.what)
  assert.equal(code, mistake.code, `${mistake.what}: ${err}`)
  assert.doesNotMatch(err, /\n {4}at /, mistake.what)
}

test('every mistake beside a running server is told with the server that runs and what to do', async (t) => {
  const { server, port } = await start(t)
  for (const mistake of mistakes) {
    const says = mistake.says.source.replaceAll('PID', `${server.child.pid}`).replaceAll('PORT', `${port}`)
    check(await rr(server.folder, mistake.words), { ...mistake, says: new RegExp(says) })
  }
  // None of it has harmed the server.
  assert.equal((await rr(server.folder, ['stop'])).code, 0)
  assert.equal(await server.ended, 0)
})

test('a killed server is not running, whatever it left behind', async (t) => {
  const { server } = await start(t)
  server.child.kill('SIGKILL')
  await once(server.child, 'exit')
  for (const words of [['workers'], ['stop'], ['reset']])
    check(await rr(server.folder, words), {
      what: words.join(' '),
      code: 1,
      says: /^rr: RR_NOT_RUNNING: no server runs for .*\/rr\.yaml\n {4}/,
    })
})

test('a server of another user is not found, and nothing of it is touched', { skip: notRoot }, async (t) => {
  const { server } = await start(t)
  await chmod(server.folder, 0o755)
  const { uid, gid } = plainUser()
  const as = ['setpriv', `--reuid=${uid}`, `--regid=${gid}`, '--clear-groups', process.execPath] as const
  const other = await startRr(t, ['stop'], { folder: server.folder, command: [...as, rrCommand] })
  assert.equal(await other.ended, 1)
  assert.match(other.text(), /RR_NOT_RUNNING: no server runs for .*\/rr\.yaml/)
  assert.match(
    other.text(),
    /Only servers of this user \(.*uid \d+\) are seen; there is .*\/tmp\/rr-0 of root.*sudo -u/,
  )
  assert.equal((await rr(server.folder, ['workers'])).code, 0)
})
