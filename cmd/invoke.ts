/** `rr invoke`: sends one event to the emulator and prints the function's answer. The home of undici. */
import { ErrorCode, hasCode, messageOf, RelayError } from '../src/core/errors.js'
import { connectServer } from './control.js'
import { readInput } from './input.js'
import { type CommonOptions, ExitCode, wrongUsage } from './options.js'
import { sqsBatch } from './sqs-batch.js'

/** Beside the common ones. */
export interface InvokeOptions extends CommonOptions {
  /** Records of a batch to make. */
  readonly sqs?: string
  readonly fifo?: boolean
  readonly address?: string
}

const defaultAddress = '127.0.0.1:9010'

/** Exit 0 for any answer of the function, 1 when it failed. */
export async function invoke(file: string | undefined, options: InvokeOptions): Promise<number> {
  const input = file === undefined ? undefined : readInput(file)
  if (typeof input === 'string') return wrongUsage(input)
  const event = makeEvent(input, options)
  if (event === undefined)
    return wrongUsage(`--sqs takes a number of records from 1 to 10000, not ${JSON.stringify(options.sqs)}`)
  const address = options.address ?? (await emulatorAddress(options))
  const { request } = await import('undici')
  const url = `http://${address}/2015-03-31/functions/function/invocations`
  let response: Awaited<ReturnType<typeof request>>
  try {
    // A function may take as long as its time-out says; that is the emulator's business.
    response = await request(url, { method: 'POST', body: event, headersTimeout: 0, bodyTimeout: 0 })
  } catch (error) {
    throw new RelayError(ErrorCode.NotRunning, `no emulator answers on ${address}: ${messageOf(error)}`, {
      hint: 'Start one with `rr dev` or `rr lambda run`, or name it with --address.',
      cause: error,
    })
  }
  const answer = await response.body.text()
  process.stdout.write(`${options.json === true ? answer : pretty(answer)}\n`)
  const isFailed = response.headers['x-amz-function-error'] !== undefined || response.statusCode !== 200
  if (isFailed) process.stderr.write(`rr: the function failed (status ${response.statusCode})\n`)
  return isFailed ? ExitCode.fault : ExitCode.ok
}

function makeEvent(input: Buffer | undefined, { sqs, fifo }: InvokeOptions): Buffer | undefined {
  if (sqs === undefined && fifo !== true) return input ?? Buffer.from('{}')
  const count = Number(sqs ?? 1)
  if (!Number.isInteger(count) || count < 1 || count > 10_000) return undefined
  return Buffer.from(
    JSON.stringify(sqsBatch({ count, isFifo: fifo === true, body: input?.toString('utf8') })),
  )
}

async function emulatorAddress(options: CommonOptions): Promise<string> {
  try {
    const client = await connectServer(options)
    try {
      return String(await client.call('emulator.Address'))
    } finally {
      client.close()
    }
  } catch (error) {
    const isFine = [ErrorCode.NotRunning, ErrorCode.ConfigNotFound, ErrorCode.RpcFailed].some((code) =>
      hasCode(error, code),
    )
    if (isFine) return defaultAddress
    throw error
  }
}

function pretty(answer: string): string {
  try {
    return JSON.stringify(JSON.parse(answer), undefined, 2)
  } catch {
    // Not JSON: as it came.
    return answer
  }
}
