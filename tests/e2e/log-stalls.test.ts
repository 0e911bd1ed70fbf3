import assert from 'node:assert/strict'
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, open, readFile, rm, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { type TestContext, test } from 'node:test'
import { pathToFileURL } from 'node:url'
import { endingWithUs } from '../helpers/mortal.js'
import { stateOf } from '../helpers/processes.js'
import { buildFolder, rrCommand } from '../helpers/project.js'
import { invokeAt, type LogLine, testFolder } from '../helpers/rr.js'
import { eventually } from '../helpers/wait.js'

/** Writes as many numbered lines as its event says. */
const worker = `
import { serve } from '${pathToFileURL(join(buildFolder, 'workers/node/index.js'))}'
let count = 0
await serve((body) => {
  const lines = Array.from({ length: Number(body) }, () => 'line ' + count++ + ' ' + 'x'.repeat(100) + '\\n')
  process.stderr.write(lines.join(''))
  return body
})`
const config = `version: "3"
server: { command: "${process.execPath} worker.mjs" }
lambda: { mode: event, pool: { num_workers: 1 } }
emulator: { address: "127.0.0.1:0" }
`
const linesPerJob = 4000
const jobs = 6
const lateMsMax = 5000

async function start(t: TestContext, folder: string, stderr: number, words: readonly string[] = []) {
  await writeFile(join(folder, 'rr.yaml'), config)
  await writeFile(join(folder, 'worker.mjs'), worker)
  const [first = process.execPath, ...more] = [...words, process.execPath, rrCommand, 'serve']
  const [file, ...args] = endingWithUs([first, ...more])
  const child = spawn(file, args, { cwd: folder, stdio: ['ignore', 'ignore', stderr] })
  t.after(() => child.kill('SIGKILL'))
  return child
}

/** Jobs are answered although their lines go nowhere; returns how many lines they wrote. */
async function runJobs(url: string): Promise<number> {
  for (let at = 0; at < jobs; at += 1) {
    const startedAt = performance.now()
    assert.equal((await invokeAt(url, String(linesPerJob))).body, String(linesPerJob))
    assert.ok(performance.now() - startedAt < lateMsMax, `job ${at} waited for the log`)
  }
  return jobs * linesPerJob
}

async function stopped(rr: ChildProcess): Promise<void> {
  const ended = once(rr, 'exit')
  rr.kill('SIGTERM')
  assert.deepEqual(await ended, [0, null])
}

/** All lines came or were counted, each of those that came once and in order; one line tells how many were dropped, and why. */
function checkGap(lines: readonly LogLine[], written: number, why: RegExp): void {
  const gaps = lines.filter(({ logger }) => logger === 'log')
  const numbers = lines
    .filter(({ logger }) => logger === 'worker')
    .map(({ message }) => Number(/^line (\d+) x+$/.exec(message)?.[1]))
  assert.deepEqual(
    gaps.map(({ level, message, serverLines }) => [level, message, serverLines]),
    [['warn', 'lines were dropped because the log could not be written', 0]],
  )
  const [gap] = gaps
  assert.match(String(gap?.why), why)
  assert.ok(Number(gap?.workerLines) > 0 && Number(gap?.forMs) > 0, JSON.stringify(gap))
  assert.equal(numbers.length + Number(gap?.workerLines), written)
  for (const [at, number] of numbers.entries())
    assert.ok(at === 0 || number > (numbers[at - 1] ?? 0), `${at}`)
  assert.equal(numbers.at(-1), written - 1)
}

test('a log reader that is stopped stops no job; when it goes on, one line counts what was dropped', async (t) => {
  const folder = await testFolder(t)
  const fifo = join(folder, 'log')
  assert.equal(spawnSync('mkfifo', [fifo]).status, 0)
  const reader = spawn('cat', [fifo], { stdio: ['ignore', 'pipe', 'inherit'] })
  t.after(() => reader.kill('SIGKILL'))
  const pipe = await open(fifo, 'w')
  const rr = await start(t, folder, pipe.fd)
  await pipe.close()
  const lines: LogLine[] = []
  const input = createInterface(reader.stdout).on('line', (text) => lines.push(JSON.parse(text)))
  const closed = once(input, 'close')
  const find = (message: string) => lines.find((line) => line.message === message)
  await eventually(() => find('server started') !== undefined)
  const url = String(find('server started')?.invoke)
  reader.kill('SIGSTOP')
  await eventually(() => stateOf(reader.pid ?? 0) === 'T')
  const written = await runJobs(url)
  assert.deepEqual([stateOf(reader.pid ?? 0), lines.some(({ logger }) => logger === 'log')], ['T', false])
  reader.kill('SIGCONT')
  await eventually(() => lines.some(({ logger }) => logger === 'log'))
  await invokeAt(url, '1')
  await stopped(rr)
  await closed
  checkGap(lines, written + 1, /^the reader does not read$/)
})

/** A disk or file that takes no more bytes, and how it gets room. */
interface FullDisk {
  readonly words: readonly string[]
  readonly why: RegExp
  free(rr: ChildProcess, folder: string): Promise<void>
}

// Without root a user namespace of its own lets it mount.
const unshared = process.getuid?.() === 0 ? ['unshare', '-m'] : ['unshare', '-rm']
const disks: Readonly<Record<string, FullDisk>> = {
  'a disk that is full and then freed': {
    words: [
      ...unshared,
      'sh',
      '-c',
      'mount -t tmpfs -o size=16m none disk && head -c 16700000 /dev/zero >disk/filler && exec "$@" 2>>disk/log',
      'sh',
    ],
    why: /ENOSPC/,
    free: (rr, folder) => rm(seen(rr, folder, 'filler')),
  },
  'a file at its limit that is then truncated': {
    words: ['sh', '-c', 'exec prlimit --fsize=4000000 "$@" 2>>disk/log', 'sh'],
    why: /EFBIG/,
    free: (rr, folder) => truncate(seen(rr, folder, 'log')),
  },
}

/** A file of the disk, as the server sees it. */
function seen(rr: ChildProcess, folder: string, name: string): string {
  return `/proc/${rr.pid}/root${folder}/disk/${name}`
}

for (const [what, { words, why, free }] of Object.entries(disks)) {
  test(`${what} stops no job, and one line in the log counts what was dropped`, async (t) => {
    const folder = await testFolder(t)
    await mkdir(join(folder, 'disk'))
    const rr = await start(t, folder, 2, words)
    const log = await openLog(t, rr, folder)
    const isTold = async () => (await log.text()).includes('"logger":"log"')
    const { invoke } = JSON.parse((/^.*"server started".*$/m.exec(await log.text()) ?? [''])[0])
    const written = await runJobs(String(invoke))
    assert.equal(await isTold(), false)
    const before = await log.text()
    await free(rr, folder)
    await eventually(isTold)
    await invokeAt(String(invoke), '1')
    await stopped(rr)
    const after = await log.text()
    const text = after.startsWith(before) ? after : before + after
    checkGap(
      text
        .trimEnd()
        .split('\n')
        .map((line): LogLine => JSON.parse(line)),
      written + 1,
      why,
    )
  })
}

/** The log once it tells that the server is up; it can be read after the server and its mount have gone. */
async function openLog(t: TestContext, rr: ChildProcess, folder: string) {
  const path = seen(rr, folder, 'log')
  await eventually(() =>
    readFile(path, 'utf8').then(
      (text) => text.includes('"server started"'),
      () => false,
    ),
  )
  const file = await open(path)
  t.after(() => file.close())
  const text = async () => {
    const { size } = await file.stat()
    const { buffer, bytesRead } = await file.read(Buffer.alloc(size), 0, size, 0)
    return buffer.toString('utf8', 0, bytesRead)
  }
  return { text }
}
