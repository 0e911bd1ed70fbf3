/** Reads from /proc what processes and the whole machine have used. Linux only. */
import { readdirSync, readFileSync } from 'node:fs'

/** Command lines of workers, which do the work behind a server and are not part of what it costs. */
const workers = /^(\S*\/)?(php|python)[\d.]*( |$)|^(\S*\/)?node .*(worker|fixtures)[^ ]*\.[cm]?js( |$)/
const nsPerTick = 10_000_000

function textOf(path: string): string {
  try {
    return readFileSync(path, 'latin1')
  } catch {
    // The process, or thread, has ended meanwhile.
    return ''
  }
}

function namesIn(path: string): readonly string[] {
  try {
    return readdirSync(path)
  } catch {
    return []
  }
}

/** Returns the pids of a server's own processes and of its workers. The process that was started is never a worker. */
export function processesOf(pid: number): {
  readonly own: readonly number[]
  readonly workers: readonly number[]
} {
  const parts = { own: [pid], workers: [] as number[] }
  for (const one of descendantsOf(pid)) {
    const command = textOf(`/proc/${one}/cmdline`).replaceAll('\0', ' ')
    if (workers.test(command)) parts.workers.push(one)
    else parts.own.push(one)
  }
  return parts
}

function descendantsOf(pid: number): readonly number[] {
  const children = new Map<number, number[]>()
  for (const name of namesIn('/proc').filter((one) => /^\d+$/.test(one))) {
    const stat = textOf(`/proc/${name}/stat`)
    const parent = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1])
    children.set(parent, [...(children.get(parent) ?? []), Number(name)])
  }
  const found: number[] = []
  for (let todo = children.get(pid) ?? []; todo.length > 0; ) {
    found.push(...todo)
    todo = todo.flatMap((one) => children.get(one) ?? [])
  }
  return found
}

/** Returns the nanoseconds of CPU that the living threads of these processes have used. */
export function cpuNs(pids: readonly number[]): number {
  let total = 0
  for (const pid of pids)
    for (const thread of namesIn(`/proc/${pid}/task`))
      total += Number(textOf(`/proc/${pid}/task/${thread}/schedstat`).split(' ')[0])
  return total
}

/** Returns the nanoseconds that all processors were busy, or kept from us by the hypervisor. */
export function machineNs(): number {
  const [user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0, steal = 0] = (
    textOf('/proc/stat').split('\n')[0] ?? ''
  )
    .split(/\s+/)
    .slice(1)
    .map(Number)
  return (user + nice + system + irq + softirq + steal) * nsPerTick
}

/** Resident and anonymous megabytes of these processes together; pages that they share count for each. */
export function memoryOf(pids: readonly number[]): { readonly rssMb: number; readonly anonymousMb: number } {
  const sum = (key: string) =>
    pids.reduce((total, pid) => {
      const found = new RegExp(`^${key}: +(\\d+)`, 'm').exec(textOf(`/proc/${pid}/smaps_rollup`))
      return total + Number(found?.[1] ?? 0) / 1024
    }, 0)
  return { rssMb: sum('Rss'), anonymousMb: sum('Anonymous') }
}

/** Waits, no longer than `waitMsMax`, until nobody but us wants a processor. */
export async function quiet(waitMsMax: number): Promise<void> {
  const giveUpAt = performance.now() + waitMsMax
  while (Number(/^procs_running (\d+)/m.exec(textOf('/proc/stat'))?.[1]) > 2) {
    if (performance.now() > giveUpAt) return
    await pause(10)
  }
}

/** Resolves after `ms`. */
export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
