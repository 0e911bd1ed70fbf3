/** Waiting in tests: for a claim to become true, never for time to pass. */

const patienceMs = 30_000
const lookEveryMs = 20

/** Resolves once `isTrue` says so; rejects after 30 s, which no healthy machine needs. */
export async function eventually(isTrue: () => boolean | Promise<boolean>): Promise<void> {
  const giveUpAt = performance.now() + patienceMs
  while (!(await isTrue())) {
    if (performance.now() > giveUpAt) throw new Error(`still not true after ${patienceMs} ms: ${isTrue}`)
    await new Promise((resolve) => setTimeout(resolve, lookEveryMs))
  }
}
