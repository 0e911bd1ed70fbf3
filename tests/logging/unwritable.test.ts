import assert from 'node:assert/strict'
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, constants, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs'
import { Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { type TestContext, test } from 'node:test'
import { buildFolder } from '../helpers/project.js'

/** Logs 5,000 worker lines of 1 KB, 50 a turn, and says on standard output how long the longest turn was; ends when told to. */
const program = `
import { LogHost } from '${join(buildFolder, 'src/logging/sink.js')}'
import { systemClock } from '${join(buildFolder, 'src/core/clock.js')}'
const log = new LogHost({ env: process.env, isTerminal: false, clock: systemClock })
log.configure({ level: 'info', encoding: 'json', lineBytesMax: 1 << 20 })
let longest = 0
for (let n = 0; n < 5000; ) {
  const startedAt = performance.now()
  for (const end = n + 50; n < end; n += 1)
    log.workerLine({ pool: 'p', pid: 1, stream: 'stderr', text: n + ' ' + 'x'.repeat(1000) })
  await new Promise((resolve) => setImmediate(resolve))
  longest = Math.max(longest, performance.now() - startedAt)
}
process.stdout.write(Math.round(longest) + '\\n')
await new Promise((resolve) => process.stdin.once('end', resolve).resume())
log.info({}, 'the end')
const endedAt = performance.now()
await log.end()
process.stdout.write(Math.round(performance.now() - endedAt) + '\\n')
process.exit(0)`

function start(stderr: number | 'pipe', words: readonly string[] = []): ChildProcess {
  const [file = '', ...args] = [...words, process.execPath, '--input-type=module', '-e', program]
  return spawn(file, args, { stdio: ['pipe', 'pipe', stderr] })
}

/** The next number that the program says. */
async function said(child: ChildProcess): Promise<number> {
  assert.ok(child.stdout)
  const [chunk] = await once(child.stdout, 'data')
  return Number(String(chunk))
}

/** A FIFO that nobody reads, though somebody could. */
function unreadPipe(t: TestContext): { readonly fd: number; readonly path: string } {
  const folder = mkdtempSync(join(tmpdir(), 'rr-log-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const path = join(folder, 'pipe')
  assert.equal(spawnSync('mkfifo', [path]).status, 0)
  const fd = openSync(path, constants.O_RDWR)
  t.after(() => closeSync(fd))
  return { fd, path }
}

/** Lines of JSON from a FIFO as they come. */
async function* linesOf(path: string): AsyncGenerator<Record<string, unknown>> {
  const pipe = new Socket({ fd: openSync(path, constants.O_RDONLY | constants.O_NONBLOCK), writable: false })
  try {
    for await (const line of createInterface(pipe)) yield JSON.parse(line)
  } finally {
    pipe.destroy()
  }
}

test('a stalled reader stops nobody; afterwards lines read and lines dropped add up to all lines', async (t) => {
  const { fd, path } = unreadPipe(t)
  const child = start(fd)
  t.after(() => child.kill('SIGKILL'))
  assert.ok((await said(child)) < 1000, 'a turn of the event loop waited for the reader')
  const lines: Record<string, unknown>[] = []
  for await (const line of linesOf(path)) {
    lines.push(line)
    if (line.logger === 'log') child.stdin?.end()
    if (line.message === 'the end') break
  }
  const dropped = lines.find((line) => line.logger === 'log')
  const came = lines.filter(({ logger }) => logger === 'worker')
  assert.equal(came.length + Number(dropped?.workerLines), 5000)
  assert.ok(came.length > 500 && came.length < 2500, `${came.length} lines were kept`)
  assert.deepEqual(
    [dropped?.level, dropped?.why, dropped?.serverLines],
    ['warn', 'the reader does not read', 0],
  )
  assert.equal((await once(child, 'exit'))[0], 0)
})

test('a reader that never goes on keeps nobody from ending', async (t) => {
  const child = start(unreadPipe(t).fd)
  t.after(() => child.kill('SIGKILL'))
  await said(child)
  child.stdin?.end()
  const tookMs = await said(child)
  assert.ok(tookMs >= 200 && tookMs < 1000, `the last flush took ${tookMs} ms`)
  assert.equal((await once(child, 'exit'))[0], 0)
})

/** A program that is handed a terminal whose other end closes at once. */
const lostTerminal =
  'import os, sys; m, s = os.openpty(); os.dup2(s, 2); os.close(m); os.close(s); os.execvp(sys.argv[1], sys.argv[1:])'

const unwritable: readonly (readonly [what: string, words: readonly string[]])[] = [
  ['a full device', ['sh', '-c', 'exec "$@" 2>/dev/full', 'sh']],
  ['a file at its limit', ['sh', '-c', 'ulimit -f 8; exec "$@" 2>"$0"']],
  ['a pipe without a reader', ['sh', '-c', '{ "$@" 2>&3 3>&-; } 3>&1 >&4 | true', 'sh']],
  ['a terminal that is gone', ['python3', '-c', lostTerminal]],
  ['a closed descriptor', ['sh', '-c', 'exec "$@" 2>&-', 'sh']],
]
for (const [what, words] of unwritable) {
  test(`${what} as the log stops nobody, and nobody from ending`, async (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'rr-log-'))
    t.after(() => rmSync(folder, { recursive: true }))
    const path = join(folder, 'log')
    const whole = what.startsWith('a file') ? [...words, path] : words
    const child = what.startsWith('a pipe')
      ? spawn('sh', [
          '-c',
          '{ "$@" 2>&1 >&3 | true; } 3>&1',
          'sh',
          process.execPath,
          '--input-type=module',
          '-e',
          program,
        ])
      : start('pipe', whole)
    t.after(() => child.kill('SIGKILL'))
    assert.ok((await said(child)) < 1000, 'a turn of the event loop waited')
    child.stdin?.end()
    assert.ok((await said(child)) < 1000, 'the last flush waited')
    assert.equal((await once(child, 'exit'))[0], 0)
    if (!what.startsWith('a file')) return
    const [first] = readFileSync(path, 'utf8').split('\n')
    assert.match(String(JSON.parse(first ?? '').message), /^0 x/)
  })
}
