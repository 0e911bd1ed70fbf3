/** A beanstalkd of a test's own: on a free port, with its jobs in a private folder. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type BrokerProcess, missingBroker, programPath, startBroker } from './broker-process.js'
import { freePorts } from './free-ports.js'

/** A running server. */
export interface BeanstalkServer extends BrokerProcess {
  readonly address: string
  /** Ends it for good. */
  end(): Promise<void>
}

const program = programPath('beanstalkd')

/** False, or why tests of beanstalkd are skipped. */
export const noBeanstalk = missingBroker('beanstalkd', program)

/** Starts one; its caller ends it. */
export async function startBeanstalk(...words: readonly string[]): Promise<BeanstalkServer> {
  const folder = await mkdtemp(join(tmpdir(), 'rr-beanstalk-'))
  const [port = 0] = await freePorts(1)
  const broker = await startBroker({
    words: [program ?? '', '-l', '127.0.0.1', '-p', String(port), '-b', folder, '-s', '1048576', ...words],
    port,
  })
  return {
    ...broker,
    address: `tcp://127.0.0.1:${port}`,
    end: async () => {
      await broker.kill()
      await rm(folder, { recursive: true, force: true, maxRetries: 10 })
    },
  }
}
