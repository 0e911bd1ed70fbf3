/** The command line as a child process: started in a folder of its own, its log read, gone when the test ends. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, realpath, rm, writeFile } from 'node:fs/promises'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { endingWithUs } from './mortal.js'
import { fixture, rrCommand } from './project.js'

// No healthy machine needs it: a test that waits for ever would hold up all others.
const lineWaitMs = 60_000

/** One JSON line of the log. */
export interface LogLine {
  readonly level: string
  readonly logger: string
  readonly message: string
  readonly [key: string]: unknown
}

/** A running, or ended, `rr`. */
export interface RunningRr {
  readonly child: ChildProcess
  readonly folder: string
  /** Everything on standard error and, inside Lambda, standard output. */
  text(): string
  lines(): readonly LogLine[]
  /** Resolves with the first line that `matches`; lines that came before count. Rejects when the process ends without it, or after a minute. */
  line(matches: (line: LogLine) => boolean): Promise<LogLine>
  /** Resolves with the exit code, or the signal's name. */
  readonly ended: Promise<number | string>
}

/** Options that a test may change. */
export interface RrOptions {
  readonly config?: string
  readonly files?: Readonly<Record<string, string>>
  readonly env?: Readonly<Record<string, string | undefined>>
  readonly folder?: string
  readonly cwd?: string
  /** Command that runs `rr` instead of this Node and the command line under test. */
  readonly command?: readonly [string, ...string[]]
}

/** A folder that goes with the test. */
export async function testFolder(t: TestContext): Promise<string> {
  const folder = await realpath(await mkdtemp(join(tmpdir(), 'rr-e2e-')))
  // Workers that are still there may write into it meanwhile.
  t.after(() => rm(folder, { recursive: true, force: true, maxRetries: 10 }))
  return folder
}

/** The command of a fixture worker as one text. */
export function workerText(name: string, ...words: readonly string[]): string {
  return [process.execPath, fixture('workers', `${name}.mjs`), ...words].join(' ')
}

/** A configuration with a lambda pool of `count` workers of a fixture, and what else is given. */
export function lambdaConfig(
  worker: string,
  options: { count?: number; more?: string; lambda?: string } = {},
): string {
  return [
    'version: "3"',
    `server: { command: "${worker}" }`,
    'lambda:',
    `  pool: { num_workers: ${options.count ?? 2} }`,
    ...(options.lambda === undefined ? [] : [`  ${options.lambda}`]),
    options.more ?? 'emulator: { address: "127.0.0.1:0" }',
    '',
  ].join('\n')
}

/** Starts `rr WORDS` in a fresh folder with these files; killed when the test ends. */
export async function startRr(
  t: TestContext,
  words: readonly string[],
  options: RrOptions = {},
): Promise<RunningRr> {
  const folder = options.folder ?? (await testFolder(t))
  if (options.config !== undefined) await writeFile(join(folder, 'rr.yaml'), options.config)
  for (const [name, text] of Object.entries(options.files ?? {})) await writeFile(join(folder, name), text)
  const env: Record<string, string | undefined> = { ...process.env, ...options.env }
  delete env.NODE_EXTRA_CA_CERTS
  const [file, ...first] = endingWithUs(options.command ?? [process.execPath, rrCommand])
  const child = spawn(file, [...first, ...words], {
    cwd: options.cwd ?? folder,
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  t.after(async () => {
    if (child.exitCode === null && child.signalCode === null) {
      child.kill('SIGKILL')
      await once(child, 'exit')
    }
  })
  let text = ''
  const lines: LogLine[] = []
  const waiting = new Set<{
    matches: (line: LogLine) => boolean
    resolve: (line: LogLine) => void
    reject: (e: Error) => void
  }>()
  const take = (raw: string) => {
    if (!raw.startsWith('{')) return
    const read: LogLine & { readonly msg?: string } = JSON.parse(raw)
    // Under a `.rr.yaml` lines have RoadRunner's members.
    const line = read.msg === undefined ? read : { ...read, message: read.msg }
    lines.push(line)
    for (const one of waiting) if (one.matches(line)) one.resolve(line)
  }
  for (const stream of [child.stdout, child.stderr]) {
    let rest = ''
    stream.setEncoding('utf8')
    stream.on('data', (chunk: string) => {
      text += chunk
      const pieces = (rest + chunk).split('\n')
      rest = pieces.pop() ?? ''
      for (const piece of pieces) take(piece)
    })
  }
  const ended = once(child, 'close').then(([code, signal]) => {
    for (const one of waiting)
      one.reject(new Error(`rr ended (${code ?? signal}) before the line came:\n${text}`))
    return code ?? signal
  })
  return {
    child,
    folder,
    ended,
    text: () => text,
    lines: () => lines,
    line: (matches) => {
      const found = lines.find(matches)
      if (found !== undefined) return Promise.resolve(found)
      return new Promise((resolve, reject) => {
        const giveUp = () =>
          reject(new Error(`the line did not come within ${lineWaitMs} ms: ${matches}\n${text}`))
        const timer = setTimeout(giveUp, lineWaitMs)
        const ending =
          <T>(end: (value: T) => void) =>
          (value: T) => {
            clearTimeout(timer)
            end(value)
          }
        waiting.add({ matches, resolve: ending(resolve), reject: ending(reject) })
      })
    },
  }
}

/** The line that says that the server is up. */
export function started(rr: RunningRr): Promise<LogLine> {
  return rr.line((line) => line.message === 'server started')
}

/** Answer of the emulator to an event. */
export interface Invoked {
  readonly status: number
  readonly body: string
  readonly error: string | undefined
  readonly requestId: string
}

/** Invokes the function of a server that is up. */
export async function invoke(rr: RunningRr, event: unknown): Promise<Invoked> {
  const { invoke: url } = await started(rr)
  return invokeAt(
    String(url),
    typeof event === 'string' || event instanceof Uint8Array ? event : JSON.stringify(event),
  )
}

/** Posts an event to an invoke endpoint. */
export function invokeAt(url: string, body: string | Uint8Array): Promise<Invoked> {
  return new Promise((resolve, reject) => {
    const call = request(url, { method: 'POST', agent: false }, (response) => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.on('end', () => {
        const error = response.headers['x-amz-function-error']
        resolve({
          status: response.statusCode ?? 0,
          body: Buffer.concat(chunks).toString('utf8'),
          error: typeof error === 'string' ? error : undefined,
          requestId: String(response.headers['x-amzn-requestid']),
        })
      })
    })
    call.on('error', reject)
    call.end(body)
  })
}

/** An SQS event with these bodies; with groups it is a FIFO queue's. */
export function sqsEvent(bodies: readonly string[], groups?: readonly string[]) {
  return {
    Records: bodies.map((body, at) => ({
      messageId: `message-${at}`,
      receiptHandle: `handle-${at}`,
      body,
      attributes: {
        ApproximateReceiveCount: '2',
        ...(groups === undefined ? {} : { MessageGroupId: groups[at], SequenceNumber: String(1000 + at) }),
      },
      messageAttributes: {},
      eventSource: 'aws:sqs',
      eventSourceARN: `arn:aws:sqs:us-east-1:123456789012:queue${groups === undefined ? '' : '.fifo'}`,
      awsRegion: 'us-east-1',
    })),
  }
}

/** The names in an answer's `batchItemFailures`. */
export function failuresOf(answer: Invoked): readonly string[] {
  const { batchItemFailures }: { batchItemFailures: { itemIdentifier: string }[] } = JSON.parse(answer.body)
  return batchItemFailures.map((failure) => failure.itemIdentifier)
}
