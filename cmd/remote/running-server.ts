/**
 * Connects to the running server of a configuration, verifies its identity, and calls it. Reports to the user while it
 * waits.
 */
import { userInfo } from 'node:os'
import { sleep, systemClock } from '../../src/core/clock.js'
import { ErrorCode, hasCode, messageOf, RelayError } from '../../src/core/errors.js'
import { connectRpc, type RpcClient } from '../../src/ipc/rpc/client.js'
import type { RemoteProcedure } from '../../src/ipc/rpc/procedure.js'
import type { ServerCard } from '../../src/supervisor/folder/card.js'
import { Hello, Status } from '../../src/supervisor/rpc/own.js'
import type { CommonOptions } from '../options.js'
import { printable, printableJson, printableLines } from '../output.js'
import { type Candidate, candidates, notRunning, requireConfig, wantedServer } from './find-server.js'
import { notAnswering } from './server-state.js'

/** Longest time until a server's first answer to a request. */
const answerMsMax = 5000
const againMs = 100

/** A connection to a running server that has identified itself. */
export interface ControlClient {
  /** Process id, as the server reports it. */
  readonly pid: number
  /** The server's configuration file, or its working directory. */
  readonly path: string
  readonly card: ServerCard | undefined
  /** Calls a procedure that answers at once. Rejects with RR_NOT_ANSWERING after 5 s, and as `RpcClient.call` does. */
  call<O>(procedure: RemoteProcedure<undefined, O>): Promise<O>
  call<I, O>(procedure: RemoteProcedure<I, O>, input: I): Promise<O>
  /** Calls one that may take long: waits while a second, concurrent request shows that the server still makes progress. */
  waitFor<O>(procedure: RemoteProcedure<undefined, O>): Promise<O>
  waitFor<I, O>(procedure: RemoteProcedure<I, O>, input: I): Promise<O>
  /** Calls one that may take long, without a limit and without a message: for a screen that shows itself that it waits. */
  callLong<I, O>(procedure: RemoteProcedure<I, O>, input: I): Promise<O>
  /** Rejects when the server no longer reports progress; resolves when it has ended, or with `signal`. */
  watch(signal: AbortSignal): Promise<void>
  readonly closed: Promise<void>
  close(): void
}

/**
 * Connects to the server's private socket. Without a configuration file the working directory identifies the server, as for
 * `rr dev HANDLER`. Rejects with RR_NOT_RUNNING, RR_NOT_ANSWERING, RR_PRIVATE_FOLDER, RR_RPC_FAILED, or RR_CONFIG_NOT_FOUND
 * where there is neither file nor server.
 */
export async function connectServer(options: CommonOptions): Promise<ControlClient> {
  const wanted = await wantedServer(options)
  for (const candidate of candidates(wanted)) {
    const client = await greeted(candidate)
    if (client !== undefined) return client
  }
  // Says which files were looked for; inside Lambda there need be none.
  if (!wanted.isNamed) requireConfig(options)
  throw notRunning(wanted)
}

/** Connects to the server, runs `act`, and closes the connection. */
export async function withServer(
  options: CommonOptions,
  act: (client: ControlClient) => Promise<void>,
): Promise<void> {
  const client = await connectServer(options)
  try {
    await act(client)
  } finally {
    client.close()
  }
}

/** Connects to a server and greets it; undefined when no process listens. Tries again while connections are closed at once. */
async function greeted(candidate: Candidate): Promise<ControlClient | undefined> {
  const giveUpAt = systemClock.monotonicMs() + answerMsMax
  for (;;) {
    const client = await connected(candidate)
    if (client === undefined) return undefined
    try {
      return new Control(client, candidate, await greet(client, candidate))
    } catch (error) {
      client.close()
      // A server without a free descriptor, or about to end, takes a connection and drops it.
      if (!hasCode(error, ErrorCode.NotRunning)) throw error
      if (systemClock.monotonicMs() >= giveUpAt) throw dropped(candidate)
    }
    await sleep(systemClock, againMs)
  }
}

async function connected({ socket, card }: Candidate): Promise<RpcClient | undefined> {
  try {
    return await connectRpc(`unix://${socket}`, { timeoutMs: answerMsMax })
  } catch (error) {
    if (hasCode(error, ErrorCode.NotRunning)) return undefined
    throw hasCode(error, ErrorCode.NotAnswering) ? notAnswering(card, answerMsMax) : error
  }
}

interface HelloAnswer {
  readonly pid: number
  readonly path: string
}

async function greet(client: RpcClient, { socket, card }: Candidate): Promise<HelloAnswer> {
  const self = { pid: process.pid, user: userName() }
  let answer: HelloAnswer & { readonly name: string }
  try {
    answer = await client.call(Hello, self, answerMsMax)
  } catch (error) {
    throw hasCode(error, ErrorCode.NotAnswering) ? notAnswering(card, answerMsMax) : error
  }
  if (answer.name === 'relayrunner') return answer
  throw new RelayError(ErrorCode.RpcFailed, `the program that answers on ${socket} is not rr`, {
    hint: 'End the program that listens there, and start the server again.',
  })
}

function userName(): string {
  try {
    return userInfo().username
  } catch {
    // A uid without an entry in the password file.
    return String(process.getuid?.() ?? '')
  }
}

function dropped({ socket }: Candidate): RelayError {
  return new RelayError(ErrorCode.NotAnswering, `the server drops every connection to ${socket}`, {
    hint: 'It may have run out of descriptors (`ulimit -n`): see its log.',
  })
}

class Control implements ControlClient {
  readonly pid: number
  readonly path: string
  readonly card: ServerCard | undefined
  readonly closed: Promise<void>
  readonly #client: RpcClient
  readonly #candidate: Candidate

  constructor(client: RpcClient, candidate: Candidate, { pid, path }: HelloAnswer) {
    this.#client = client
    this.#candidate = candidate
    this.card = candidate.card
    this.closed = client.closed
    this.pid = pid
    this.path = path
  }

  async call<I, O>(procedure: RemoteProcedure<I, O>, input?: I): Promise<O> {
    try {
      return await this.#client.call(procedure, input, answerMsMax)
    } catch (error) {
      throw hasCode(error, ErrorCode.NotAnswering) ? notAnswering(this.card, answerMsMax) : shown(error)
    }
  }

  async waitFor<I, O>(procedure: RemoteProcedure<I, O>, input?: I): Promise<O> {
    const isDone = new AbortController()
    const answer = this.#client.call(procedure, input)
    try {
      // When the watch ends because the server has ended, the call itself rejects.
      return await Promise.race([answer, this.watch(isDone.signal).then(() => answer)])
    } catch (error) {
      throw shown(error)
    } finally {
      isDone.abort()
    }
  }

  async callLong<I, O>(procedure: RemoteProcedure<I, O>, input: I): Promise<O> {
    try {
      return await this.#client.call(procedure, input)
    } catch (error) {
      throw shown(error)
    }
  }

  async watch(signal: AbortSignal): Promise<void> {
    for (;;) {
      await sleep(systemClock, answerMsMax, signal)
      if (signal.aborted) return
      const beside = await greeted(this.#candidate)
      if (beside === undefined) return
      const status = await beside.call(Status).finally(() => beside.close())
      if (!signal.aborted) process.stderr.write(`${progressLine(this.pid, status)}\n`)
    }
  }

  close(): void {
    this.#client.close()
  }
}

/** Makes a server's message printable: indented, so that no line of it can look like one of ours. */
function shown(error: unknown): unknown {
  if (!hasCode(error, ErrorCode.RpcFailed)) return error
  const hint = error instanceof RelayError ? error.hint : undefined
  return new RelayError(ErrorCode.RpcFailed, printableLines(messageOf(error), '    '), {
    cause: error,
    ...(hint === undefined ? {} : { hint }),
  })
}

function progressLine(pid: number, { state, live, idle, waiting }: Status): string {
  const words = `${state}, ${live} workers, ${idle} idle, ${waiting} callers waiting`
  return printable(`waiting for the server (pid ${pid}): ${words}`)
}

/**
 * Prints a server's answer: JSON with `--json`, else the text that `textOf` makes of it, with control characters escaped.
 */
export function printAnswer<T>(options: CommonOptions, answer: T, textOf: (answer: T) => string): void {
  const text = options.json === true ? printableJson(answer) : textOf(answer)
  process.stdout.write(`${text}\n`)
}

/** Calls a procedure of the queue that the server polls. Rejects with RR_QUEUE_REFUSED and the server's message. */
export async function queueCall<I, O>(
  client: ControlClient,
  procedure: RemoteProcedure<I, O>,
  input: I,
): Promise<O> {
  try {
    return await client.waitFor(procedure, input)
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

/** Formats rows under headings, each column as wide as it needs; control characters of cells are escaped. */
export function table(headings: readonly string[], rows: readonly (readonly string[])[]): string {
  const cells = rows.map((row) => row.map(printable))
  const widths = headings.map((heading, at) =>
    Math.max(heading.length, ...cells.map((row) => row[at]?.length ?? 0)),
  )
  const line = (row: readonly string[]) =>
    row
      .map((cell, at) => cell.padEnd(widths[at] ?? 0))
      .join('  ')
      .trimEnd()
  return [line(headings), ...cells.map(line)].join('\n')
}
