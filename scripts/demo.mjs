/**
 * `npm run demo`: starts `rr dev`, sends every event of `examples/events/`, shows what was answered, by which workers and in
 * how long, and fails when an answer differs from the committed one. PHP and Python workers get a short round where found.
 */
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import { request } from 'node:http'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { isDeepStrictEqual } from 'node:util'

const root = fileURLToPath(new URL('..', import.meta.url))
const events = readdirSync(`${root}examples/events`)
  .filter((file) => !file.endsWith('.expected.json'))
  .map((file) => file.replace(/\.json$/, ''))
const hasColor = process.stdout.isTTY && !process.env.NO_COLOR
const paint = (code, text) => (hasColor ? `\x1b[${code}m${text}\x1b[0m` : text)
const readyMsMax = 60_000

/** A running `rr dev`; `jobs` holds the pids that worked for each request id, as its log tells. */
async function startServer(command) {
  const words = [
    'dev',
    '-c',
    'rr.yaml.example',
    '-o',
    'emulator.address=127.0.0.1:0',
    '-o',
    'logs.encoding=json',
  ]
  const own = command === undefined ? [] : ['-o', `server.command=${command}`]
  const env = { ...process.env }
  delete env.NODE_EXTRA_CA_CERTS
  const child = spawn(process.execPath, [`${root}dist/cmd/rr.js`, ...words, ...own], {
    cwd: root,
    env,
    stdio: ['ignore', 'inherit', 'pipe'],
  })
  const jobs = new Map()
  const started = new Promise((resolve, reject) => {
    const tail = []
    const giveUp = (why) => reject(new Error(`rr dev ${why}:\n${tail.join('\n')}`))
    const timer = setTimeout(() => giveUp(`was not ready within ${readyMsMax} ms`), readyMsMax)
    child.once('exit', (code) => giveUp(`ended with code ${code}`))
    createInterface({ input: child.stderr }).on('line', (line) => {
      tail.push(line)
      const entry = line.startsWith('{') ? JSON.parse(line) : {}
      if (entry.message === 'server started') {
        clearTimeout(timer)
        resolve(entry)
      }
      if (entry.logger === 'worker' && entry.requestId !== undefined) {
        const pids = jobs.get(entry.requestId) ?? new Set()
        jobs.set(entry.requestId, pids.add(entry.pid))
      }
    })
  })
  const entry = await started
  return { child, jobs, pools: entry.pools, invokeUrl: entry.invoke }
}

/** Sends an event; resolves with the answer and the headers. */
function send(url, body) {
  return new Promise((resolve, reject) => {
    const call = request(url, { method: 'POST' }, (response) => {
      const chunks = []
      response.on('data', (chunk) => chunks.push(chunk))
      response.on('end', () =>
        resolve({ text: Buffer.concat(chunks).toString('utf8'), headers: response.headers }),
      )
    })
    call.on('error', reject)
    call.end(body)
  })
}

const short = (text, length) => (text.length > length ? `${text.slice(0, length - 1)}…` : text)

/** Runs some events; returns how many were right and who worked. */
async function round(title, names, command) {
  const server = await startServer(command)
  const [pool] = server.pools
  console.log(
    `\n${paint(1, title)}: ${pool.readyCount} workers ready in ${Math.max(0, ...pool.bootMs)} ms (${pool.command})`,
  )
  const answers = []
  for (const name of names) {
    const body = readFileSync(`${root}examples/events/${name}.json`)
    const expected = JSON.parse(readFileSync(`${root}examples/events/${name}.expected.json`, 'utf8'))
    const startedAt = performance.now()
    const { text, headers } = await send(server.invokeUrl, body)
    const tookMs = performance.now() - startedAt
    const isRight =
      headers['x-amz-function-error'] === undefined && isDeepStrictEqual(JSON.parse(text), expected)
    answers.push({ name, text, tookMs, isRight, expected, requestId: headers['x-amzn-requestid'] })
  }
  // Stopping flushes the log, so that every line of a worker has been read before it is counted.
  server.child.kill('SIGTERM')
  await once(server.child, 'exit')
  for (const { name, text, tookMs, isRight, expected, requestId } of answers) {
    const pids = [...(server.jobs.get(requestId) ?? [])].sort()
    const mark = isRight ? paint(32, 'ok  ') : paint(31, 'FAIL')
    console.log(
      `  ${mark} ${name.padEnd(40)} ${`${tookMs.toFixed(1)} ms`.padStart(9)}  workers ${pids.join(' ').padEnd(28)} ${short(JSON.stringify(JSON.parse(text)), 60)}`,
    )
    if (!isRight) console.log(`       expected ${JSON.stringify(expected)}\n       answered ${text}`)
  }
  const workers = new Set([...server.jobs.values()].flatMap((pids) => [...pids]))
  const right = answers.filter((answer) => answer.isRight).length
  console.log(`  ${right} of ${answers.length} answers as expected, ${workers.size} workers took part`)
  return right === answers.length && workers.size >= 2
}

const shortRound = ['01-sqs-standard', '05-sqs-fifo-group-fails-in-its-middle', '12-eventbridge']
const others = [
  ['PHP', 'php', '-v', 'php examples/handlers/php/worker.php'],
  ['Python', 'python3', '-V', 'python3 examples/handlers/python/worker.py'],
]
let isGood = await round('Node', events, undefined)
for (const [title, program, flag, command] of others) {
  if (spawnSync(program, [flag], { stdio: 'ignore' }).status === 0)
    isGood = (await round(title, shortRound, command)) && isGood
  else console.log(`\n${title}: ${program} is not on this machine, its round is left out`)
}
console.log(isGood ? paint(32, '\nevery answer is as expected') : paint(31, '\nsome answers differ'))
process.exitCode = isGood ? 0 : 1
