/** Messages of a server that starts: first what it starts and where it listens, then that its workers are ready, or late. */
import type { Clock, Timer } from '../../src/core/clock.js'
import type { LogHost } from '../../src/logging/sink.js'
import { formatProblem } from '../../src/schema/tree.js'
import type { Boots, Server } from '../../src/supervisor/server.js'
import { version } from '../version.js'
import { type BannerFacts, bannerLines, type PoolLine, readyLine } from './banner.js'
import { type StartPlan, shownFile } from './plan.js'

/** Options of a greeting. */
export interface GreetingOptions {
  readonly plan: StartPlan
  readonly server: Server
  readonly log: LogHost
  readonly clock: Clock
  /** True: no banner. */
  readonly isSilent: boolean
  /** `rpc.listen`; empty: not set. */
  readonly listen: string
}

// A worker that speaks our protocol answers within a moment; an ordinary application never does.
const lateMs = 3000

/** Messages of one start. */
export class Greeting {
  readonly #options: GreetingOptions
  readonly #isForPeople: boolean
  #late: Timer | undefined

  constructor(options: GreetingOptions) {
    this.#options = options
    this.#isForPeople = options.log.encoding !== 'json'
  }

  /** Reports that everything listens and the workers boot. */
  starting(): void {
    const { log, clock, isSilent } = this.#options
    if (this.#isForPeople && !isSilent) log.print(bannerLines(this.#facts()).join('\n'))
    this.#late = clock.timer(lateMs, () => this.#sayLate(), { unref: true })
  }

  /** Reports that every first boot has ended, and not all have failed. */
  ready(boots: Boots): void {
    this.end()
    const pools = this.#pools(boots)
    if (this.#isForPeople) {
      if (this.#options.isSilent) return
      for (const pool of pools) this.#options.log.print(readyLine(pool))
      return
    }
    const listens = Object.fromEntries(this.#places().map(({ what, where }) => [what, where]))
    const fields = { version, pid: process.pid, pools, ...listens }
    this.#options.log.named('server').info(fields, 'server started')
  }

  /** Prints nothing from now on. */
  end(): void {
    this.#late?.clear()
  }

  #sayLate(): void {
    const { server, log } = this.#options
    for (const pool of server.pools.all()) {
      const { name, size, liveCount, command } = pool
      if (liveCount > 0) continue
      log
        .named('pool')
        .warn(
          { pool: name, workers: size, command, afterMs: lateMs },
          'no worker is ready yet: is the command a RelayRunner or RoadRunner worker?',
        )
    }
  }

  #pools(boots: Boots): readonly PoolLine[] {
    return this.#options.server.pools.all().map((pool) => {
      const good = (boots.get(pool.name) ?? []).filter((boot) => boot.fault === undefined)
      const bootMs = good.map((boot) => Math.round(boot.tookMs))
      return { name: pool.name, command: pool.command, size: pool.size, readyCount: good.length, bootMs }
    })
  }

  #facts(): BannerFacts {
    const { plan } = this.#options
    const pools = this.#pools(new Map())
    return {
      version,
      pid: process.pid,
      node: process.versions.node,
      config: shownFile(plan.file),
      pools,
      places: this.#places(),
      warnings: plan.problems.map(formatProblem),
    }
  }

  #places(): BannerFacts['places'] {
    const { server, listen } = this.#options
    return [
      ...server.announced(),
      { what: 'control', where: server.rpc.controlAddress },
      ...(listen === '' ? [] : [{ what: 'rpc', where: server.rpc.address }]),
    ]
  }
}
