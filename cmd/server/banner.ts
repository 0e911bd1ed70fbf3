/** Text that `serve` and `dev` print for people: at the start in at most ten lines, and once workers are ready. Pure. */

/** One pool's line. */
export interface PoolLine {
  readonly name: string
  readonly command: string
  readonly size: number
  readonly readyCount: number
  /** Boot time of each ready worker, in ms. */
  readonly bootMs: readonly number[]
}

/** Values that the banner shows. */
export interface BannerFacts {
  readonly version: string
  readonly pid: number
  readonly node: string
  readonly config: string
  readonly pools: readonly PoolLine[]
  /** Addresses, each with what listens there or is pulled from it. */
  readonly places: readonly { readonly what: string; readonly where: string }[]
  readonly warnings: readonly string[]
}

const linesMax = 10
const timesMax = 8

/** Returns the lines of the banner, without an ending newline. */
export function bannerLines(facts: BannerFacts): string[] {
  const head = `RelayRunner ${facts.version}   pid ${facts.pid}   node ${facts.node}   ${facts.config}`
  const rows: [string, string][] = [
    ...facts.pools.map((pool): [string, string] => [pool.name, poolText(pool)]),
    ...facts.places.map((place): [string, string] => [place.what, place.where]),
    ...facts.warnings.map((warning): [string, string] => ['warning', warning]),
  ]
  const room = linesMax - 1
  const shown = rows.length > room ? rows.slice(0, room - 1) : rows
  const width = Math.max(0, ...shown.map(([name]) => name.length))
  const lines = [head, ...shown.map(([name, text]) => `  ${name.padEnd(width)}  ${text}`)]
  if (shown.length < rows.length) lines.push(`  and ${rows.length - shown.length} more`)
  return lines
}

/** Returns the line for a pool whose first boots have ended. */
export function readyLine({ name, size, readyCount, bootMs }: PoolLine): string {
  const count = readyCount === size ? workers(size) : `${readyCount} of ${workers(size)}`
  const times = bootMs.slice(0, timesMax).join(', ') + (bootMs.length > timesMax ? ', …' : '')
  return `ready: ${name}, ${count}${times === '' ? '' : ` in ${times} ms`}`
}

function poolText({ size, command }: PoolLine): string {
  return `starting ${workers(size)}   ${command}`
}

function workers(size: number): string {
  return `${size} worker${size === 1 ? '' : 's'}`
}
