/**
 * Cold starts: milliseconds from exec to the first `/next` and to the first answer, one start of each server in turn, each when nobody else
 * wants a processor. The quietest third counts: median [minimum].
 */
import { Api } from './api.js'
import { type Case, casesOf, endCase, type Side, shipped, startCase } from './cases.js'
import { plainEvent } from './events.js'
import { cpuNs, machineNs, memoryOf, pause, processesOf, quiet } from './machine.js'
import { quietest } from './rates.js'

const answerMsMax = 20_000

interface Start {
  readonly nextMs: number
  readonly answerMs: number
  readonly cpuMs: number
  readonly rssMb: number
  readonly foreign: number
}

/** Prints a row for each server. */
export async function benchStart(side: Side): Promise<void> {
  const cases = await casesOf(side, { workers: 1 })
  const [ours] = cases.slice(-1)
  const all = ours === undefined ? cases : [...cases, shipped(ours)]
  const samples = new Map<string, Start[]>(all.map(({ name }) => [name, []]))
  const event = plainEvent(side.folder, 1024)
  for (const endAt = performance.now() + 3000 * side.seconds; ; ) {
    for (const one of all) samples.get(one.name)?.push(await startOnce(side, one, event))
    const rounds = samples.get(all[0]?.name ?? '')?.length ?? 0
    if (rounds >= 9 && performance.now() > endAt) break
  }
  console.log('start, 1 KB event, 1 worker: ms median [min]')
  let unit = 0
  for (const [name, starts] of samples) {
    const counted = quietest(starts)
    const of = (key: keyof Start) => {
      const sorted = counted.map((start) => start[key]).sort((a, b) => a - b)
      return { median: sorted[sorted.length >> 1] ?? 0, min: sorted[0] ?? 0 }
    }
    const text = (key: keyof Start) => `${of(key).median.toFixed(0)} [${of(key).min.toFixed(0)}]`
    const answer = of('answerMs').median
    unit ||= answer
    const ratio = (answer / unit).toFixed(2)
    console.log(
      `  ${name.padEnd(24)} /next ${text('nextMs').padEnd(10)} answer ${text('answerMs').padEnd(10)} ×${ratio}   CPU ms ${text('cpuMs')}   RSS MB ${text('rssMb')}   foreign ${of('foreign').median.toFixed(2)}   starts ${starts.length}`,
    )
  }
}

async function startOnce(side: Side, one: Case, eventFile: string): Promise<Start> {
  const api = new Api(side.native, eventFile)
  const address = await api.address()
  await quiet(800)
  const [busy, own] = [machineNs(), process.cpuUsage()]
  const at = Number(process.hrtime.bigint()) / 1e9
  const child = startCase(one, address)
  try {
    const answer = await Promise.race([api.stamp('answer'), pause(answerMsMax)])
    if (typeof answer !== 'number') throw new Error(`${one.name} does not answer: ${one.command}`)
    api.pause()
    const nextAt = await api.stamp('next')
    const parts = processesOf(child.pid ?? 0)
    const used = process.cpuUsage(own)
    const known = cpuNs([...parts.own, ...parts.workers, api.pid]) + 1000 * (used.user + used.system)
    const foreign = Math.max(
      0,
      (machineNs() - busy - known) / 1e9 / (Number(process.hrtime.bigint()) / 1e9 - at),
    )
    return {
      nextMs: 1000 * (nextAt - at),
      answerMs: 1000 * (answer - at),
      cpuMs: cpuNs(parts.own) / 1e6,
      rssMb: memoryOf(parts.own).rssMb,
      foreign,
    }
  } finally {
    await endCase(child)
    await api.end()
  }
}
