/**
 * Cold starts: milliseconds from exec to the first `/next` and to the first answer, one start of each server in turn, each when nobody else
 * wants a processor. The quietest third counts: median [minimum]. Where the worker's boot takes long, its own boot is measured in the same
 * turns, since the start can be no faster.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { pidRequest } from '../../src/ipc/control.js'
import { encodeFrame } from '../../src/ipc/frame.js'
import { Api } from './api.js'
import { type Case, casesOf, endCase, type Side, shipped, startCase, workerCommand } from './cases.js'
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

/** Prints a row for each server; with `bootMs` also one for the worker alone, and how much later than it each server answers. */
export async function benchStart(side: Side, bootMs = 0): Promise<void> {
  const cases = await casesOf(side, { workers: 1, bootMs })
  const [ours] = cases.slice(-1)
  const all = ours === undefined ? cases : [...cases, shipped(ours)]
  const samples = new Map<string, Start[]>(all.map(({ name }) => [name, []]))
  const event = plainEvent(side.folder, 1024)
  const alone: Alone[] = []
  for (const endAt = performance.now() + 3000 * side.seconds; ; ) {
    if (bootMs > 0) alone.push(await bootOnce(workerCommand(0, bootMs)))
    for (const one of all) samples.get(one.name)?.push(await startOnce(side, one, event))
    const rounds = samples.get(all[0]?.name ?? '')?.length ?? 0
    if (rounds >= 9 && performance.now() > endAt) break
  }
  console.log(
    `start, 1 KB event, 1 worker${bootMs > 0 ? ` that boots for ${bootMs} ms` : ''}: ms median [min]`,
  )
  const boot = spreadOf(quietest(alone), 'bootMs')
  if (bootMs > 0) console.log(`  ${'the worker alone'.padEnd(24)} ${textOf(boot)}   boots ${alone.length}`)
  let unit = 0
  for (const [name, starts] of samples) {
    const counted = quietest(starts)
    const of = (key: keyof Start) => spreadOf(counted, key)
    const text = (key: keyof Start) => textOf(of(key))
    const answer = of('answerMs')
    unit ||= answer.median
    const ratio = (answer.median / unit).toFixed(2)
    const behind = { median: answer.median - boot.median, min: answer.min - boot.min }
    const later = bootMs > 0 ? `worker + ${textOf(behind)}   ` : ''
    console.log(
      `  ${name.padEnd(24)} /next ${text('nextMs').padEnd(10)} answer ${text('answerMs').padEnd(10)} ${later}×${ratio}   CPU ms ${text('cpuMs')}   RSS MB ${text('rssMb')}   foreign ${of('foreign').median.toFixed(2)}   starts ${starts.length}`,
    )
  }
}

interface Spread {
  readonly median: number
  readonly min: number
}

function spreadOf<K extends string>(samples: readonly Readonly<Record<K, number>>[], key: K): Spread {
  const sorted = samples.map((sample) => sample[key]).sort((a, b) => a - b)
  return { median: sorted[sorted.length >> 1] ?? 0, min: sorted[0] ?? 0 }
}

function textOf({ median, min }: Spread): string {
  return `${median.toFixed(0)} [${min.toFixed(0)}]`
}

/** One boot of a worker without a server. */
interface Alone {
  readonly bootMs: number
  readonly foreign: number
}

/** Boots a worker until it has answered the PID request, which lies in its input from the first. */
async function bootOnce(command: string): Promise<Alone> {
  await quiet(800)
  const [busy, own, at] = [machineNs(), process.cpuUsage(), performance.now()]
  const child = spawn('sh', ['-c', `exec ${command}`], { stdio: ['pipe', 'pipe', 'inherit'] })
  try {
    child.stdin.write(encodeFrame(pidRequest(process.pid)))
    await once(child.stdout, 'data')
    const bootMs = performance.now() - at
    const used = process.cpuUsage(own)
    const known = cpuNs([child.pid ?? 0]) + 1000 * (used.user + used.system)
    return { bootMs, foreign: Math.max(0, (machineNs() - busy - known) / 1e6 / bootMs) }
  } finally {
    child.kill('SIGKILL')
    await once(child, 'exit')
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
