/** `rr invoke`: sends one event to the emulator and prints the function's answer. The home of undici. */
import { ErrorCode, messageOf, RelayError } from '../../src/core/errors.js'
import { type FailedRecord, readFailureReasons } from '../../src/plugins/index.js'
import { readInput } from '../input.js'
import { type CommonOptions, ExitCode, wrongUsage } from '../options.js'
import { printable, printableLines } from '../output.js'
import { reachable } from './emulator-address.js'
import { failureText, invokeSummary } from './invoke-summary.js'
import { type InvokeTarget, invokeTarget } from './invoke-target.js'
import { sampleEvent, sampleEventList } from './sample-events.js'
import { sqsBatch } from './sqs-batch.js'

/** Options of `rr invoke`, in addition to the common ones. */
export interface InvokeOptions extends CommonOptions {
  /** Number of records of the batch to make. */
  readonly sqs?: string
  readonly fifo?: boolean
  /** The event, or the body of each record, where `{n}` is its number. */
  readonly body?: string
  readonly address?: string
  /** Name of a sample event. */
  readonly event?: string
  /** Lists the sample events. */
  readonly events?: boolean
  /** Exit 1 when the answer names failed records. */
  readonly failOnBatchFailures?: boolean
}

/**
 * Sends the event, prints the answer on standard output and a summary on standard error. Returns 0 for any answer of the function, 1 when it
 * failed, or when records failed and `--fail-on-batch-failures` asks for it.
 */
export async function invoke(file: string | undefined, options: InvokeOptions): Promise<number> {
  if (options.events === true) {
    process.stdout.write(sampleEventList())
    return ExitCode.ok
  }
  const given = [
    ['a file', file],
    ['--body', options.body],
    ['--event', options.event],
  ].flatMap(([what, value]) => (value === undefined ? [] : [what]))
  if (given.length > 1) return wrongUsage(`give either ${given.join(' or ')}`)
  if (options.event !== undefined && (options.sqs !== undefined || options.fifo === true))
    return wrongUsage('--event is a whole event: leave out --sqs and --fifo')
  const input = file === undefined ? undefined : readInput(file)
  if (typeof input === 'string')
    return wrongUsage(
      input,
      'The event is a file of JSON, - for standard input, or `--event NAME` (`--events` lists them).',
    )
  const sample = options.event === undefined ? undefined : sampleEvent(options.event)
  if (typeof sample === 'string') return wrongUsage(sample, '`rr invoke --events` lists them.')
  const event = sample ?? makeEvent(input, options)
  if (event === undefined)
    return wrongUsage(
      `--sqs takes a number of records from 1 to 10000, not ${JSON.stringify(options.sqs)}`,
      'For example: `rr invoke --sqs 10`.',
    )
  if (options.address !== undefined && !isAddress(options.address))
    return wrongUsage(
      `--address takes HOST:PORT, not ${JSON.stringify(options.address)}`,
      /^\d{1,5}$/.test(options.address)
        ? `For example: \`--address 127.0.0.1:${options.address}\`.`
        : 'For example: `--address 127.0.0.1:9010`.',
    )
  const {
    address,
    who,
    stale = [],
  }: InvokeTarget = options.address === undefined
    ? await invokeTarget(options)
    : { address: options.address, who: 'named by --address' }
  process.stderr.write(printableLines(`rr: sending to ${address}, ${who}\n`))
  if (stale.length > 0 && options.silent !== true) process.stderr.write(staleText(stale))
  const startedMs = performance.now()
  const { status, answer, isError, reasons } = await post(address, event)
  const tookMs = Math.round(performance.now() - startedMs)
  const text = options.json === true ? answer : pretty(answer)
  // A program gets the answer unchanged; a terminal would execute escape sequences in it.
  process.stdout.write(`${process.stdout.isTTY === true ? printableLines(text) : text}\n`)
  if (status !== 200 || isError) {
    const what = status === 200 ? failureText(answer, tookMs) : `the event was refused (status ${status})`
    process.stderr.write(`rr: ${what}\n`)
    return ExitCode.fault
  }
  const { lines, hasFailures } = invokeSummary({ event, answer, tookMs, reasons })
  if (options.silent !== true) process.stderr.write(`rr: ${lines.join('\n')}\n`)
  return hasFailures && options.failOnBatchFailures === true ? ExitCode.fault : ExitCode.ok
}

function staleText(pools: readonly string[]): string {
  const which = `pool${pools.length === 1 ? '' : 's'} ${printable(pools.join(', '))}`
  return `rr: the code that runs is older than its files: the last restart of ${which} failed, the log says why\n`
}

function isAddress(text: string): boolean {
  const [, port = ''] = /^[^/\s]+:(\d{1,5})$/.exec(text) ?? []
  return port !== '' && Number(port) > 0 && Number(port) < 65_536
}

interface Posted {
  readonly status: number
  readonly answer: string
  readonly isError: boolean
  readonly reasons: readonly FailedRecord[]
}

async function post(address: string, event: Buffer): Promise<Posted> {
  const { request } = await import('undici')
  const url = `http://${reachable(address)}/2015-03-31/functions/function/invocations`
  try {
    // No limit here: the emulator enforces the function's timeout.
    const options = { method: 'POST', body: event, headersTimeout: 0, bodyTimeout: 0 } as const
    const { statusCode, headers, body } = await request(url, options)
    const isError = headers['x-amz-function-error'] !== undefined
    const reasons = readFailureReasons(headers['x-relayrunner-failures'])
    return { status: statusCode, answer: await body.text(), isError, reasons }
  } catch (error) {
    const isRefused = error instanceof Error && 'code' in error && error.code === 'ECONNREFUSED'
    const what = isRefused
      ? `no emulator answers on ${address}`
      : `the connection to ${address} failed before the answer`
    throw new RelayError(ErrorCode.NotRunning, `${what}: ${messageOf(error)}`, {
      hint: 'Start one with `rr dev` or `rr lambda run`, or name it with --address.',
      cause: error,
    })
  }
}

function makeEvent(input: Buffer | undefined, { sqs, fifo, body }: InvokeOptions): Buffer | undefined {
  if (sqs === undefined && fifo !== true) return input ?? Buffer.from(body ?? '{}')
  const count = Number(sqs ?? 1)
  if (!Number.isInteger(count) || count < 1 || count > 10_000) return undefined
  return Buffer.from(
    JSON.stringify(sqsBatch({ count, isFifo: fifo === true, body: input?.toString('utf8'), template: body })),
  )
}

function pretty(answer: string): string {
  try {
    return JSON.stringify(JSON.parse(answer), undefined, 2)
  } catch {
    // Not JSON: printed unchanged.
    return answer
  }
}
