/** Resident and anonymous memory: half a second after the first event, and the median of looks while a server is under load. */
import { Api } from './api.js'
import { type Case, casesOf, endCase, type Side, shipped, startCase } from './cases.js'
import { plainEvent } from './events.js'
import { memoryOf, pause, processesOf } from './machine.js'
import { median } from './rates.js'

const loadEvents = 12_000

/** Prints a row for each server. */
export async function benchMemory(side: Side): Promise<void> {
  const cases = await casesOf(side, { workers: 1 })
  const [ours] = cases.slice(-1)
  const event = plainEvent(side.folder, 1024)
  console.log(
    `memory, 1 KB events, 1 worker: RSS / anonymous MB idle, and over the second half of ${loadEvents} events`,
  )
  for (const one of ours === undefined ? cases : [...cases, shipped(ours)]) await measure(side, one, event)
}

async function measure(side: Side, one: Case, eventFile: string): Promise<void> {
  const api = new Api(side.native, eventFile)
  const child = startCase(one, await api.address())
  try {
    await api.stamp('answer')
    api.pause()
    await pause(500)
    const own = () => processesOf(child.pid ?? 0).own
    const idle = memoryOf(own())
    api.go()
    const looks: { rssMb: number; anonymousMb: number }[] = []
    for (let answers = 0; answers < loadEvents; { answers } = await api.count()) {
      if (answers >= loadEvents / 2) looks.push(memoryOf(own()))
      await pause(100)
    }
    const loaded = (key: 'rssMb' | 'anonymousMb') => median(looks.map((look) => look[key])).toFixed(1)
    console.log(
      `  ${one.name.padEnd(24)} idle ${idle.rssMb.toFixed(1)} / ${idle.anonymousMb.toFixed(1)}   loaded ${loaded('rssMb')} / ${loaded('anonymousMb')}`,
    )
  } finally {
    await endCase(child)
    await api.end()
  }
}
