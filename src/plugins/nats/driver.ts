/** The driver `nats`: pipelines in streams of JetStream. All of them share one connection, which is opened with the first. */
import type { Clock } from '../../index.js'
import { type JobDriver, jobDriver } from '../../work/driver.js'
import { Nats } from './connection.js'
import { NatsSource } from './nats-source.js'
import { natsPart } from './part.js'

/** Services and settings of the driver. */
export interface NatsDriverOptions {
  readonly address: string
  readonly clock: Clock
}

/** Makes the driver, and what closes its connection. `open` rejects with RR_DRIVER_PACKAGE without the client's packages. */
export function natsDriver({ address, clock }: NatsDriverOptions): {
  readonly driver: JobDriver
  readonly close: () => Promise<void>
} {
  let nats: Promise<Nats> | undefined
  const driver = jobDriver(natsPart, async ({ name, config: keys }) => {
    nats ??= Nats.load(address)
    return NatsSource.open({ nats: await nats, clock, pipeline: name, keys })
  })
  return { driver, close: async () => (await nats?.catch(() => undefined))?.close() }
}
