import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { closeSync, constants, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { systemClock } from '../../src/core/clock.js'
import { LogHost } from '../../src/logging/sink.js'
import { lambdaPlatform } from '../../src/platform/lambda.js'
import { telemetryFd } from '../../src/platform/lambda-telemetry.js'
import { buildFolder } from '../helpers/project.js'

test('every record is a frame of its own on the descriptor that Lambda gave', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'rr-telemetry-'))
  t.after(() => rmSync(folder, { recursive: true }))
  for (const format of ['JSON', 'Text']) {
    const path = join(folder, format)
    const fd = openSync(path, 'w')
    t.after(() => closeSync(fd))
    const env = { _LAMBDA_TELEMETRY_LOG_FD: String(fd), AWS_LAMBDA_LOG_FORMAT: format }
    const log = new LogHost({ env, shape: lambdaPlatform(env).log, isTerminal: false, clock: systemClock })
    log.error({ requestId: 'r-1' }, 'two\nlines')
    log.info({ long: 'x'.repeat(600_000) }, 'much')
    await log.end()
    const bytes = readFileSync(path)
    const frames: { type: number; atMs: number; record: Record<string, unknown> }[] = []
    for (let at = 0; at < bytes.length; ) {
      const length = bytes.readUInt32BE(at + 4)
      assert.ok(length < 256 * 1024)
      const text = bytes.toString('utf8', at + 16, at + 16 + length)
      const atMs = Number(bytes.readBigUInt64BE(at + 8)) / 1000
      frames.push({ type: bytes.readUInt32BE(at), atMs, record: JSON.parse(text) })
      at += 16 + length
    }
    const [first, ...parts] = frames
    assert.equal(first?.type, format === 'JSON' ? 0xa55a0016 : 0xa55a0017)
    assert.equal(first?.record.message, 'two\nlines')
    assert.equal(first?.record.requestId, 'r-1')
    assert.ok(Math.abs((first?.atMs ?? 0) - Date.now()) < 60_000)
    assert.ok(parts.length > 1, 'the long record is not in parts')
    assert.ok(parts.every(({ record }) => record.partId === parts[0]?.record.partId))
  }
})

test('a variable that does not hold the number of a descriptor is ignored', () => {
  for (const given of [undefined, '', 'x', '-1', '1e3'])
    assert.equal(telemetryFd({ _LAMBDA_TELEMETRY_LOG_FD: given }), undefined)
  assert.equal(telemetryFd({ _LAMBDA_TELEMETRY_LOG_FD: '7' }), 7)
})

const program = `
import { LogHost } from '${join(buildFolder, 'src/logging/sink.js')}'
import { lambdaPlatform } from '${join(buildFolder, 'src/platform/lambda.js')}'
import { systemClock } from '${join(buildFolder, 'src/core/clock.js')}'
const shape = lambdaPlatform(process.env).log
const log = new LogHost({ env: process.env, shape, isTerminal: false, clock: systemClock })
for (let n = 0; n < 2000; n += 1) log.workerLine({ pool: 'p', pid: 1, tags: { requestId: 'r' }, stream: 'stderr', text: n + 'x'.repeat(200) })
await log.end()`

test('a pipe that takes less than there is to say, and says so at once, loses no frame and tears none', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'rr-telemetry-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const path = join(folder, 'pipe')
  assert.equal(spawnSync('mkfifo', [path]).status, 0)
  const reader = spawn('cat', [path], { stdio: ['ignore', 'pipe', 'inherit'] })
  const fd = openSync(path, constants.O_RDWR | constants.O_NONBLOCK)
  const env = { ...process.env, _LAMBDA_TELEMETRY_LOG_FD: '3', AWS_LAMBDA_LOG_FORMAT: 'JSON' }
  const words = ['--input-type=module', '-e', program]
  spawn(process.execPath, words, { env, stdio: ['ignore', 'inherit', 'inherit', fd] })
  closeSync(fd)
  const chunks: Buffer[] = []
  for await (const chunk of reader.stdout) chunks.push(chunk)
  const bytes = Buffer.concat(chunks)
  const messages: string[] = []
  for (let at = 0; at < bytes.length; ) {
    const length = bytes.readUInt32BE(at + 4)
    messages.push(JSON.parse(bytes.toString('utf8', at + 16, at + 16 + length)).message)
    at += 16 + length
  }
  assert.deepEqual(
    messages,
    Array.from({ length: 2000 }, (_, n) => `${n}${'x'.repeat(200)}`),
  )
})
