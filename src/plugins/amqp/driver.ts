/** The driver `amqp`: pipelines over queues of RabbitMQ. Its client is loaded with the first pipeline. */
import { readFile } from 'node:fs/promises'
import type { SocketOptions } from 'amqplib'
import { type Clock, ErrorCode, type Logger, messageOf, RelayError } from '../../index.js'
import { type JobDriver, jobDriver } from '../../work/driver.js'
import { loadClient } from '../../work/queues/client-package.js'
import { amqpFault } from './faults.js'
import { amqpPart } from './part.js'
import type { AmqpSettings } from './section.js'
import { AmqpSession } from './session.js'
import { AmqpSource } from './source.js'
import { declareTopology } from './topology.js'

/** Services of the server that the driver uses, and its section. */
export interface AmqpDriverOptions {
  readonly settings: AmqpSettings
  readonly clock: Clock
  readonly log: Logger
  readonly newId: () => string
}

/** Makes the driver. `open` rejects with RR_DRIVER_PACKAGE without the client, and with a fault of the queue where RabbitMQ cannot be reached. */
export function amqpDriver({ settings, clock, log, newId }: AmqpDriverOptions): JobDriver {
  const { addr } = settings
  return jobDriver(amqpPart, async ({ name: pipeline, config }) => {
    const amqplib = await loadClient({
      packages: ['amqplib'],
      driver: 'amqp',
      load: async () => (await import('amqplib')).default,
    })
    const socket = await socketOptions(settings)
    const { queue } = config
    const source = new AmqpSource({
      pipeline,
      config,
      addr,
      clock,
      newId,
      connect: () =>
        AmqpSession.open({
          amqplib,
          addr,
          socket,
          declare: (channel) => declareTopology(channel, config),
          faultOf: (error) => amqpFault(error, { addr, queue }),
          log,
          about: { pipeline, driver: 'amqp' },
        }),
    })
    await source.open()
    return source
  })
}

async function socketOptions({ tls }: AmqpSettings): Promise<SocketOptions> {
  if (tls === undefined) return {}
  const { root_ca: ca, cert, key } = tls
  const [caText, certText, keyText] = await Promise.all([ca, cert, key].map(textOf))
  return {
    ...(caText === undefined ? {} : { ca: caText }),
    ...(certText === undefined ? {} : { cert: certText }),
    ...(keyText === undefined ? {} : { key: keyText }),
  }
}

async function textOf(file: string | undefined): Promise<string | undefined> {
  if (file === undefined) return undefined
  try {
    return await readFile(file, 'utf8')
  } catch (error) {
    const what = `\`amqp.tls\` names a file that cannot be read: ${messageOf(error)}`
    throw new RelayError(ErrorCode.ConfigInvalid, what, {
      hint: 'Correct its path, or its rights.',
      cause: error,
    })
  }
}
