/** A NATS server of a test's own: with JetStream, on a free port, in a private folder. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type BrokerProcess, missingBroker, programPath, startBroker } from './broker-process.js'
import { freePorts } from './free-ports.js'

/** A running server. */
export interface NatsServer extends BrokerProcess {
  readonly address: string
  /** Ends it for good. */
  end(): Promise<void>
}

const program = programPath('nats-server')

/** False, or why tests of NATS are skipped. */
export const noNats = missingBroker('nats-server', program)

/** Starts one; its caller ends it. `words` are further arguments, in place of those for JetStream. */
export async function startNats(words?: readonly string[]): Promise<NatsServer> {
  const folder = await mkdtemp(join(tmpdir(), 'rr-nats-'))
  const [port = 0] = await freePorts(1)
  const more = words ?? ['-js', '-sd', folder]
  const broker = await startBroker({
    words: [program ?? '', '-a', '127.0.0.1', '-p', String(port), ...more],
    port,
  })
  return {
    ...broker,
    address: `nats://127.0.0.1:${port}`,
    end: async () => {
      await broker.kill()
      await rm(folder, { recursive: true, force: true, maxRetries: 10 })
    },
  }
}
