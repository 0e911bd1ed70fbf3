/** Acknowledges jobs of `auto_ack` before they run. */
import type { Delivery, Source } from '../../../work/index.js'

/** Acknowledges deliveries that ask for it, and returns those that may run: an acknowledged one no longer expires. */
export async function acknowledgeEarly(
  source: Source,
  taken: readonly Delivery[],
): Promise<readonly Delivery[]> {
  const early = taken.filter(({ autoAck }) => autoAck === true)
  if (early.length === 0) return taken
  const done = { kind: 'done', body: new Uint8Array() } as const
  const faults = await source.settle(early.map((delivery) => ({ delivery, verdict: done })))
  return taken.flatMap((delivery) => {
    if (delivery.autoAck !== true) return [delivery]
    // Not acknowledged: it comes again.
    if (faults[early.indexOf(delivery)] !== undefined) return []
    if (delivery.expiresAtMs === undefined) return [delivery]
    const { expiresAtMs: _, ...kept } = delivery
    return [kept]
  })
}
