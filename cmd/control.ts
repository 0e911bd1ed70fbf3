/** Finds the running server of a configuration and calls it. */
import { readEnvironment } from '../config/env.js'
import { findConfig, workingFolder } from '../config/find.js'
import { ErrorCode, hasCode, messageOf, RelayError } from '../src/core/errors.js'
import { connectRpc, type RpcClient } from '../src/ipc/rpc-client.js'
import { controlSocketPath } from '../src/supervisor/private-folder.js'
import type { CommonOptions } from './options.js'

/**
 * Connects to the server's private socket. Without a file that is the one of the working directory, as of `rr dev HANDLER`.
 * Rejects with RR_NOT_RUNNING, or RR_CONFIG_NOT_FOUND where there is neither a file nor such a server.
 */
export async function connectServer(options: CommonOptions): Promise<RpcClient> {
  const env = readEnvironment(options.dotenv)
  const find = { config: options.config, cwd: process.cwd(), env, isBootstrap: true }
  const file = findConfig(find)
  const path = file ?? workingFolder({ ...find, file, workdir: options.workdir })
  try {
    return await connectRpc(`unix://${controlSocketPath({ uid: process.getuid?.() ?? 0, path })}`)
  } catch (error) {
    // Says which files were looked for; inside Lambda there need be none.
    if (file === undefined) findConfig({ ...find, isBootstrap: env.LAMBDA_TASK_ROOT !== undefined })
    throw error
  }
}

/** The same for as long as `act` takes. */
export async function withServer(
  options: CommonOptions,
  act: (client: RpcClient) => Promise<void>,
): Promise<void> {
  const client = await connectServer(options)
  try {
    await act(client)
  } finally {
    client.close()
  }
}

/** Prints a server's answer: as it came with `--json`, else as `textOf` puts it. */
export function printAnswer(
  options: CommonOptions,
  answer: unknown,
  textOf: (answer: unknown) => string,
): void {
  const text = options.json === true ? JSON.stringify(answer) : textOf(answer)
  process.stdout.write(`${text}\n`)
}

/** Calls a procedure of the queue that the server polls. Rejects with RR_QUEUE_REFUSED and the server's words. */
export async function queueCall(client: RpcClient, method: string, argument?: unknown): Promise<unknown> {
  try {
    return await client.call(method, argument)
  } catch (error) {
    if (!hasCode(error, ErrorCode.RpcFailed)) throw error
    const text = messageOf(error)
    // A server without an emulator does not know the method.
    const isNone = text.includes("can't find") || text.includes('polls no queue')
    const hint = isNone ? 'Start it with `rr dev --sqs orders`, or set `emulator.sqs.queue`.' : undefined
    throw new RelayError(ErrorCode.QueueRefused, isNone ? 'the server polls no queue' : text, {
      cause: error,
      ...(hint === undefined ? {} : { hint }),
    })
  }
}

/** A value of a server's answer as a list of objects; what is no object is left out. */
export function rowsOf(value: unknown): readonly Readonly<Record<string, unknown>>[] {
  return Array.isArray(value) ? value.filter((row) => typeof row === 'object' && row !== null) : []
}

/** Rows under headings, each column as wide as it needs. */
export function table(headings: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = headings.map((heading, at) =>
    Math.max(heading.length, ...rows.map((row) => row[at]?.length ?? 0)),
  )
  const line = (cells: readonly string[]) =>
    cells
      .map((cell, at) => cell.padEnd(widths[at] ?? 0))
      .join('  ')
      .trimEnd()
  return [line(headings), ...rows.map(line)].join('\n')
}
