/** A server with a queue in memory whose jobs wait for ever, fail or end, for tests of what shows it. */
import type { TestContext } from 'node:test'
import { Jobs, type NewJob } from '../../src/work/index.js'
import { startServer, type TestServer, type TestServerOptions } from '../../testing/start-server.js'
import { workerText } from './rr.js'

/** The sections of such a server: pool and pipelines. */
export const liveConfig = {
  server: { command: workerText('waits-or-fails') },
  jobs: {
    mode: 'raw',
    pool: { num_workers: 2 },
    consume: ['mail'],
    retry: { max: 1, backoff: '1ms' },
    pipelines: { mail: { driver: 'memory' }, later: { driver: 'memory' } },
  },
} as const

/** Starts it, with further sections. */
export async function startLive(
  t: TestContext,
  sections: object = {},
  options: Omit<TestServerOptions, 'config'> = {},
): Promise<TestServer & { push(pipeline: string, ...bodies: readonly string[]): Promise<void> }> {
  const server = await startServer({ ...options, config: { ...liveConfig, ...sections } })
  t.after(() => server.stop())
  return {
    ...server,
    push: async (pipeline, ...bodies) => server.service(Jobs)?.push(pipeline, bodies.map(jobOf)),
  }
}

function jobOf(body: string, at: number): NewJob {
  return { id: `${body}-${at}`, name: `app.${body}`, body, headers: {}, priority: 10, delayMs: 0 }
}
