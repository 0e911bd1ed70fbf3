/** A Runtime API for tests: our emulator in this process, its calls recorded, its faults at the test's word. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { TestContext } from 'node:test'
import { systemClock } from '../../src/core/clock.js'
import { silentLogger } from '../../src/logging/logger.js'
import { EmulatorServer } from '../../src/plugins/emulator/http/server.js'

/** One request that came in. */
export interface ApiCall {
  readonly method: string
  readonly path: string
  readonly headers: IncomingMessage['headers']
  /** Filled once the whole body is there. */
  readonly body: string
}

/** The running API. */
export interface TestApi {
  readonly address: string
  readonly invokeUrl: string
  /** Whole requests, in the order in which they ended. */
  readonly calls: readonly ApiCall[]
  /** Resolves with the first request that `matches`; those that came before count. */
  call(matches: (call: ApiCall) => boolean): Promise<ApiCall>
}

/** Options that a test may change. */
export interface TestApiOptions {
  readonly timeoutMs?: number
  /** Answers a request itself and returns true. */
  readonly fault?: (request: IncomingMessage, response: ServerResponse) => boolean
}

/** Starts it; it is closed when the test ends. */
export async function testApi(t: TestContext, options: TestApiOptions = {}): Promise<TestApi> {
  const calls: ApiCall[] = []
  const waiting = new Set<{ matches: (call: ApiCall) => boolean; resolve: (call: ApiCall) => void }>()
  const record = (request: IncomingMessage) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const call = {
        method: request.method ?? '',
        path: request.url ?? '',
        headers: request.headers,
        body: Buffer.concat(chunks).toString('utf8'),
      }
      calls.push(call)
      for (const one of waiting) if (one.matches(call)) one.resolve(call)
    })
  }
  const server = new EmulatorServer({
    address: '127.0.0.1:0',
    timeoutMs: options.timeoutMs ?? 30_000,
    clock: systemClock,
    log: silentLogger,
    faults: (request, response) => {
      record(request)
      return options.fault?.(request, response) ?? false
    },
  })
  await server.listen()
  t.after(() => server.close())
  return {
    address: server.address,
    invokeUrl: `http://${server.address}/2015-03-31/functions/function/invocations`,
    calls,
    call: (matches) => {
      const found = calls.find(matches)
      return found ? Promise.resolve(found) : new Promise((resolve) => waiting.add({ matches, resolve }))
    },
  }
}
