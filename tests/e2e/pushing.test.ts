/** Jobs that workers and other programs push by the SDKs, in each language: from within jobs, several at once, and where no server is. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { type TestContext, test } from 'node:test'
import { fixture, missing } from '../helpers/project.js'
import { type QueueServer, startQueues } from '../helpers/queues.js'
import { testFolder } from '../helpers/rr.js'

const languages = [
  { language: 'Node', command: process.execPath, extension: 'mjs', skip: false },
  { language: 'Python', command: 'python3', extension: 'py', skip: missing('python3') },
  { language: 'PHP', command: 'php', extension: 'php', skip: missing('php') },
] as const

const jobs = [
  'mode: jobs',
  'consume: [mail]',
  'retry: { max: 1 }',
  'pipelines:',
  '  mail: { driver: memory }',
]
const atOnce = 40
const timeoutMs = 1000
/** A time-out that a busy machine does not reach. */
const patienceMs = 30_000
const unixTime = (text: unknown) => Date.parse(String(text))

/** Pushes a job with this body as it is. */
function give(server: QueueServer, body: string): Promise<unknown> {
  const payload = Buffer.from(body).toString('base64')
  return server.call('jobs.Push', { job: { job: 'app', id: body, payload, options: { pipeline: 'mail' } } })
}

/** Waits for the log lines of so many `ran follow …` of different jobs. */
async function followed(server: QueueServer, count: number): Promise<void> {
  const bodies = Array.from({ length: count }, (_, at) => `ran follow ${at}`)
  await Promise.all(bodies.map((body) => server.rr.line(({ message }) => message === body)))
  const ran = server.rr.lines().filter(({ message }) => message.startsWith('ran follow'))
  assert.equal(ran.length, count)
}

/** A program that pushes each line it is told into `mail`, with this time-out; it answers `ok`, or with the error. */
function pusher(
  t: TestContext,
  command: string,
  file: string,
  address: string | undefined,
  timeoutMs: number,
) {
  const { RR_RPC: _, ...others } = process.env
  const env = address === undefined ? others : { ...others, RR_RPC: address }
  const words = [fixture('sdk', file), String(timeoutMs)]
  const child = spawn(command, words, { env, stdio: ['pipe', 'pipe', 'inherit'] })
  t.after(() => child.kill('SIGKILL'))
  const ended = once(child, 'exit')
  const lines = createInterface({ input: child.stdout })
  return {
    async push(body: string): Promise<string> {
      const answer = once(lines, 'line')
      child.stdin.write(`${body}\n`)
      return String((await answer)[0])
    },
    /** Its exit code, once its input has ended: an open connection must not hold it up. */
    async end(): Promise<unknown> {
      child.stdin.end()
      return (await ended)[0]
    },
  }
}

for (const { language, command, extension, skip } of languages) {
  const worker = (concurrency: number) => `${command} ${fixture('sdk', `pushes.${extension}`)} ${concurrency}`

  test(`${language}: a job pushes others, with their options`, { skip }, async (t) => {
    const server = await startQueues(t, { jobs, worker: worker(1) })
    await give(server, 'many')
    const [pushed, late] = await Promise.all(
      ['pushed', 'ran late'].map((text) => server.rr.line(({ message }) => message === text)),
    )
    const ids = [pushed?.ids].flat()
    assert.deepEqual([ids.length, ids[0], new Set(ids).size, pushed?.none], [3, 'one', 3, []])
    const given = (body: string) =>
      Object(server.rr.lines().find(({ message }) => message === `ran ${body}`)?.given)
    assert.deepEqual(given('plain'), {
      id: 'one',
      job: 'app.mail',
      driver: 'memory',
      headers: { tenant: ['7', '8'] },
      queue: 'mail',
      pipeline: 'mail',
    })
    const body = server.rr.lines().find(({ message }) => /^ran \{"to": ?"ann"\}$/.test(message))
    assert.deepEqual(Object(body?.given).headers, { tenant: ['9'] })
    assert.deepEqual([given('late').id, given('late').job], [ids[2], 'rr.jobs'])
    // 200 ms are a second for the server.
    assert.ok(unixTime(late?.time) - unixTime(pushed?.time) > 500, `${late?.time} after ${pushed?.time}`)
  })

  test(`${language}: jobs that run at once push at once, each its own`, { skip }, async (t) => {
    const server = await startQueues(t, {
      jobs: ['mode: raw', ...jobs.slice(1)],
      worker: worker(20),
      workers: 1,
    })
    await give(server, `at-once ${atOnce}`)
    await followed(server, atOnce)
    await give(server, 'wrong')
    const failed = await server.rr.line(({ errorMessage }) =>
      /no such pipeline, requested: nosuch/.test(String(errorMessage)),
    )
    assert.equal(failed.level, 'error')
  })

  test(`${language}: a program without a server is told so, and pushes again once there is one`, {
    skip,
  }, async (t) => {
    const file = `push-lines.${extension}`
    assert.match(
      await pusher(t, command, file, undefined, patienceMs).push('a'),
      /RR_RPC is not set: .*rpc\.listen/,
    )
    const folder = await testFolder(t)
    const program = pusher(t, command, file, `unix://${join(folder, 'rpc-test.sock')}`, patienceMs)
    assert.match(await program.push('a'), /no server answers on unix:/)
    for (const _life of ['first', 'second']) {
      const server = await startQueues(t, { jobs, folder, worker: worker(1) })
      assert.equal(await program.push('b'), 'ok')
      assert.equal(await program.push('c'), 'ok')
      server.rr.child.kill('SIGTERM')
      await server.rr.ended
    }
    assert.match(await program.push('d'), /no server answers on/)
    assert.equal(await program.end(), 0)
  })

  test(`${language}: a server that does not answer is given up after the time-out`, { skip }, async (t) => {
    const path = join(await testFolder(t), 'silent.sock')
    const silent = createServer((socket) => void t.after(() => socket.destroy()))
    t.after(() => silent.close())
    await once(silent.listen(path), 'listening')
    const program = pusher(t, command, `push-lines.${extension}`, `unix://${path}`, timeoutMs)
    assert.match(await program.push('a'), /(?:not answer|was not answered).* within 1 s/)
    // By a connection of its own.
    const [[next]] = await Promise.all([once(silent, 'connection'), program.push('b')])
    assert.ok(next)
    assert.equal(await program.end(), 0)
  })
}

test('Node: threads push as processes do', async (t) => {
  const server = await startQueues(t, {
    jobs,
    worker: `${process.execPath} ${fixture('sdk', 'pushes.mjs')} 20`,
    workers: 1,
    pool: 'runtime: thread',
  })
  await give(server, `at-once ${atOnce}`)
  await followed(server, atOnce)
})
