/** The service `grpc.health.v1.Health`: says whether the pool has workers. Answered by the server itself, without a worker. */
import type { ServerHttp2Stream } from 'node:http2'
import type { Pool, PoolsService } from '../../../index.js'
import { protoFields, protoPart } from '../../../work/proto-fields.js'
import { framed } from '../wire/message.js'
import { GrpcCode, type GrpcStatus } from '../wire/status.js'
import type { CallAnswer } from './answer.js'

const Health = { serving: 1, notServing: 2, unknown: 3 } as const
type Health = (typeof Health)[keyof typeof Health]

const ok: GrpcStatus = { code: GrpcCode.ok, message: '' }

interface Watcher {
  readonly service: string
  readonly answer: CallAnswer
  readonly onEnd: (code: number) => void
  last: Health | undefined
}

/** Health of the server and its services. All of them run in one pool, so they have one state. */
export class HealthState {
  readonly #pool: Pool
  readonly #services: ReadonlySet<string>
  readonly #watchers = new Set<Watcher>()
  #isStopping = false

  constructor(pool: Pool, services: Iterable<string>) {
    this.#pool = pool
    // RoadRunner's plugin calls itself so.
    this.#services = new Set(['', 'grpc', ...services])
  }

  /** Listens to the pool. */
  follow(pools: PoolsService): void {
    const look = ({ pool }: { readonly pool: string }) => {
      if (pool === this.#pool.name && this.#watchers.size > 0) setImmediate(() => this.#tell())
    }
    pools.on('ready', look)
    pools.on('exited', look)
  }

  /** Answers `Check`. */
  check(service: string, answer: CallAnswer): GrpcStatus {
    const health = this.#of(service)
    if (health === Health.unknown) return { code: GrpcCode.notFound, message: `unknown service ${service}` }
    answer.begin()
    answer.message(framed(responseOf(health)))
    return ok
  }

  /** Answers `List`. */
  list(answer: CallAnswer): GrpcStatus {
    const entries = [...this.#services].map((name) =>
      protoPart(
        1,
        Buffer.concat([protoPart(1, Buffer.from(name)), protoPart(2, responseOf(this.#of(name)))]),
      ),
    )
    answer.begin()
    answer.message(framed(Buffer.concat(entries)))
    return ok
  }

  /** Answers `Watch`: now, and at each change until the client leaves or the server stops. */
  watch(
    service: string,
    {
      stream,
      answer,
      onEnd,
    }: { stream: ServerHttp2Stream; answer: CallAnswer; onEnd: (code: number) => void },
  ): void {
    const watcher: Watcher = { service, answer, onEnd, last: undefined }
    answer.begin()
    this.#watchers.add(watcher)
    stream.once('close', () => {
      if (this.#watchers.delete(watcher)) onEnd(GrpcCode.cancelled)
    })
    this.#tell()
    if (this.#isStopping) this.#endWatchers()
  }

  /** Tells all watchers that nothing is served any more, and ends them. */
  stop(): void {
    this.#isStopping = true
    this.#tell()
    this.#endWatchers()
  }

  #endWatchers(): void {
    for (const watcher of this.#watchers) {
      watcher.answer.end({ code: GrpcCode.unavailable, message: 'the server is stopping' })
      watcher.onEnd(GrpcCode.unavailable)
    }
    this.#watchers.clear()
  }

  #of(service: string): Health {
    if (!this.#services.has(service)) return Health.unknown
    return this.#isStopping || this.#pool.liveCount === 0 ? Health.notServing : Health.serving
  }

  #tell(): void {
    for (const watcher of this.#watchers) {
      const health = this.#of(watcher.service)
      if (health === watcher.last) continue
      watcher.last = health
      watcher.answer.message(framed(responseOf(health)))
    }
  }
}

function responseOf(health: Health): Buffer {
  return Buffer.from([0x08, health])
}

/** Reads the name of a `HealthCheckRequest`. Throws an `Error` with a sentence for what is not one. */
export function askedService(bytes: Buffer): string {
  let service = ''
  for (const { field, part } of protoFields(bytes)) if (field === 1) service = part?.toString('utf8') ?? ''
  return service
}
