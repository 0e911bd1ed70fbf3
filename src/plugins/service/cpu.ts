/** Share of a CPU that a process has used since its start. Linux only. */
import { readFile } from 'node:fs/promises'

// USER_HZ, which is 100 on every Linux that Node runs on.
const ticksPerSecond = 100

/** Returns percent of one CPU, on average since the start; 0 where it cannot be read. */
export async function cpuPercent(pid: number): Promise<number> {
  try {
    const [stat, uptime] = await Promise.all([
      readFile(`/proc/${pid}/stat`, 'utf8'),
      readFile('/proc/uptime', 'utf8'),
    ])
    // The name in parentheses may hold anything; the third field follows it.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    const [user = 0, system = 0, start = 0] = [11, 12, 19].map((at) => Number(fields[at]) / ticksPerSecond)
    const seconds = Number.parseFloat(uptime) - start
    return seconds > 0 ? ((user + system) / seconds) * 100 : 0
  } catch {
    return 0
  }
}
