/** `rr top` in a real terminal. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { liveDocument } from '../../src/supervisor/live/document.js'
import { rr as runCommand } from '../helpers/command.js'
import { liveConfig } from '../helpers/live-server.js'
import { rrCommand } from '../helpers/project.js'
import { type RunningRr, started, startRr } from '../helpers/rr.js'
import { noTmux, startTerminal, type TerminalScreen } from '../helpers/tmux.js'

const config = JSON.stringify({ version: '3', ...liveConfig })

async function startTop(
  t: TestContext,
  words = 'top',
): Promise<{ readonly server: RunningRr; readonly screen: TerminalScreen }> {
  const server = await startRr(t, ['serve'], { config })
  await started(server)
  const screen = await startTerminal(t, server.folder)
  screen.keys(`${process.execPath} ${rrCommand} ${words}`, 'Enter')
  await screen.shows(/NOW/)
  return { server, screen }
}

test('the screen shows workers and queues in 80 columns, and keys act on them', {
  skip: noTmux,
}, async (t) => {
  const { server, screen } = await startTop(t)
  for (const body of ['wait', 'fail'])
    assert.equal((await runCommand(server.folder, ['jobs', 'push', 'mail', '--body', body])).code, 0)
  const busy = await screen.shows(/busy .*\n(?:.*\n)*.*error jobs: a job failed/)
  for (const line of busy.split('\n')) assert.ok(line.length <= 80, line)
  assert.match(busy, /POOL +SIZE +LIVE +IDLE +BUSY/)
  assert.match(busy, /mail +memory +consuming/)
  assert.match(busy, /later +memory +paused/)
  screen.keys('?')
  await screen.shows(/stack of the selected worker/)
  screen.keys('Escape')
  await screen.shows(/NOW/)
  screen.keys('t')
  await screen.shows(/STACK[\s\S]*the event loop is idle/)
  // A key right behind Escape would be read with it, as Alt and that key.
  screen.keys('Escape')
  await screen.shows(/NOW/)
  screen.keys('/', 'busy')
  await screen.shows(/filter: busy/)
  screen.keys('Enter')
  const filtered = await screen.shows(/NOW[\s\S]*\d+ +jobs +busy/)
  assert.doesNotMatch(filtered, /\d+ +jobs +idle/)
  screen.keys('Escape')
  await screen.shows(/\d+ +jobs +idle/)
  screen.keys('s', 's')
  await screen.shows(/POOL▾/)
  screen.keys('Tab', 'p')
  await screen.shows(/Take no more jobs from mail\? y\/n/)
  screen.keys('y')
  await screen.shows(/mail +memory +paused/)
  screen.keys('r')
  await screen.shows(/Replace every worker of pool jobs/)
  screen.keys('n')
  await screen.shows(/nothing was done/)
  screen.resize(120, 40)
  await screen.shows(/CPU +MEM NOW/)
  screen.resize(40, 12)
  const small = await screen.shows(/PID +STATE +FOR/)
  for (const line of small.split('\n')) assert.ok(line.length <= 40, line)
  screen.keys('q')
  await screen.shows(/ready> *$/m)
  assert.doesNotMatch(screen.text(), /STATE/)
  screen.keys('stty -a | grep -o "[-]*echo "', 'Enter')
  await screen.shows(/^echo/m)
})

test('a server that stops is told, and the terminal is given back', { skip: noTmux }, async (t) => {
  const { server, screen } = await startTop(t, 'workers -i')
  server.child.kill('SIGTERM')
  await screen.shows(/the server stopped \(pid \d+\)\n+ready>/)
})

test('without a terminal the state is printed once, and --json is one document', async (t) => {
  const server = await startRr(t, ['serve'], { config })
  await started(server)
  const { code, out, err } = await runCommand(server.folder, ['top'])
  assert.deepEqual([code, /later +memory +paused/.test(out)], [0, true], out)
  assert.doesNotMatch(out, /\n\n\n/)
  assert.match(err, /^rr: no terminal, so this is one screen; `--json` is for programs$/m)
  const document = liveDocument(JSON.parse((await runCommand(server.folder, ['top', '--json'])).out))
  assert.equal(document.server.pid, server.child.pid)
})
