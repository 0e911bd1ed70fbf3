/** Measures the cost of a job in the waiting line of a pool when 1, 1,000 or 100,000 callers wait: no worker, the line alone. */
import { systemClock } from '../src/core/clock.js'
import { WaitingLine } from '../src/supervisor/pool/queue/waiting-line.js'

const lengths = [1, 1000, 100_000]
const jobs = 100_000
const keys = 100

/** Prints µs a job, for callers without a key and with a hundred keys. */
export async function benchLine(): Promise<void> {
  console.log('waiting line: µs a job (a caller is served and another one comes)')
  for (const waiting of lengths) {
    const [plain, keyed] = [await cost(waiting, 1), await cost(waiting, keys)]
    const cells = `${plain.toFixed(2).padStart(6)} µs, with ${keys} keys ${keyed.toFixed(2).padStart(6)} µs`
    console.log(`  ${String(waiting).padStart(6)} waiting   ${cells}`)
  }
}

async function cost(waiting: number, keyCount: number): Promise<number> {
  const line = new WaitingLine<number>({ pool: 'bench', clock: systemClock })
  let served = 0
  const stand = (at: number) => {
    const wait = { front: false, waitMsMax: 600_000, signal: undefined, key: `key-${at % keyCount}` }
    void line.wait(wait).then(() => {
      served += 1
    })
  }
  for (let at = 0; at < waiting; at += 1) stand(at)
  await turn()
  served = 0
  const since = performance.now()
  for (let at = 0; at < jobs; at += 1) {
    line.serve(at)
    stand(at)
    // A worker's reply comes in a turn of its own; a hundred of them share one here.
    if (at % 100 === 99) await turn()
  }
  const us = (1000 * (performance.now() - since)) / served
  while (line.length > 0) line.serve(0)
  return us
}

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}
