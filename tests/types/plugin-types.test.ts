import assert from 'node:assert/strict'
import { test } from 'node:test'
import { faultsOf } from './compile.js'

/**
 * Snippets of plugins, by the title of their test. Each line with `// TS` and a number must fail with that error, every other line
 * must compile. `is<T>()(value)` compiles if `value` has exactly the type `T`.
 */
const snippets: Readonly<Record<string, string>> = {
  'a key with a default is there, another may be undefined': `
    const config = configOf(section({
      name: { type: 'string' },
      count: { type: 'integer', default: 1 },
      wait: { type: 'string', format: 'duration', default: '5s' },
      size: { type: 'string', format: 'size' },
    }))
    is<string | undefined>()(config.name)
    is<number>()(config.count)
    is<number>()(config.wait)
    is<number | undefined>()(config.size)
    config.name.length // TS18048
    config.nane // TS2339
    config.count = 2 // TS2540`,

  'lists, maps and objects are always there unless an object is optional': `
    const config = configOf(section({
      list: { type: 'array', items: { type: 'boolean' } },
      map: { type: 'map', values: { type: 'integer' } },
      object: { type: 'object', properties: { key: { type: 'string', default: 'x' } } },
      tls: { type: 'object', optional: true, properties: {} },
    }))
    is<readonly boolean[]>()(config.list)
    is<{ readonly [key: string]: number }>()(config.map)
    is<string>()(config.object.key)
    is<{} | undefined>()(config.tls)
    config.list.push(true) // TS2339`,

  'a text with an enum is a union that a switch can close': `
    const config = configOf(section({ mode: { type: 'string', enum: ['raw', 'http'], default: 'raw' } }))
    is<'raw' | 'http'>()(config.mode)
    switch (config.mode) {
      case 'raw':
        break
      default:
        unreachable(config.mode) // TS2345
    }`,

  'required() makes a key certain, and secret() keeps its type': `
    const config = configOf(section({
      address: required({ type: 'string' }),
      token: required(secret({ type: 'string' })),
      password: secret({ type: 'string' }),
    }))
    is<string>()(config.address)
    is<string>()(config.token)
    is<string | undefined>()(config.password)
    secret({ type: 'integer' }) // TS2322`,

  'a schema of an unknown type or key is refused': `
    section({ one: { type: 'text' } }) // TS2322
    section({ two: { type: 'string', format: 'date' } }) // TS2322
    section({ three: { type: 'integer', default: 'many' } }) // TS2322`,

  'the check of a section is handed the config': `
    section({ least: { type: 'integer', default: 1 }, most: { type: 'integer' } }, 'Limits.', (limits) => {
      is<number>()(limits.least)
      is<number | undefined>()(limits.most)
      return [{ key: 'most', what: 'is less than least' }]
    })
    section({}, 'Nothing.', () => [{ what: 'names no key' }]) // TS2345`,

  'a driver is handed the config of its part, and a plugin brings its parts by service': `
    const part = { name: 'nats', properties: { url: required({ type: 'string' }), wait: { type: 'integer' } } } as const
    const driver = jobDriver(part, async ({ name, config }) => {
      is<string>()(name)
      is<string>()(config.url)
      is<number | undefined>()(config.wait)
      return source
    })
    is<JobDriver>()(driver)
    jobDriver(part, async () => ({})) // TS2322
    definePlugin({
      name: 'nats',
      on: 'named',
      provides: JobDriver,
      parts: { [JobDriver.name]: [part] },
      setup: () => ({ service: driver }),
    })
    definePlugin({ name: 'nats', parts: { [JobDriver.name]: part }, setup() {} }) // TS2322
    definePlugin({ name: 'nats', parts: { x: [{ name: 'x', properties: { a: { type: 'text' } } }] }, setup() {} }) // TS2322`,

  'a driver’s pipelines are told by name only in the section that collects drivers': `
    const config = configOf(section({ pipelines: { type: 'map', values: variant('driver', JobDriver) } }))
    const one = config.pipelines.orders
    is<string | undefined>()(one?.driver)
    is<{ readonly [key: string]: unknown } | undefined>()(one?.config)`,

  'a metric is used as its type and its labels say': `
    definePlugin({
      name: 'counts',
      needs: { metrics: optional(Metrics) },
      setup({ needs: { metrics } }) {
        metrics.declare('x', { type: 'counter', help: 'X.' }) // TS18048
        const plain = metrics?.declare('a_total', { type: 'counter', help: 'A.' })
        plain?.of().add()
        plain?.of('label') // TS2554
        plain?.of().set(1) // TS2339
        const busy = metrics?.declare('busy', { type: 'gauge', help: 'B.', labels: ['pool', 'state'] })
        busy?.of('default', 'idle').set(3)
        busy?.of('default') // TS2554
        busy?.forget('default', 'idle')
        metrics?.declare('took', { type: 'histogram', help: 'T.', buckets: [0.1, 1] }).of().observe(0.3)
        metrics?.declare('sizes', { type: 'summary', help: 'S.', objectives: { 0.99: 0.001 } }).of().observe(1)
        metrics?.declare('wrong', { type: 'counter', help: 'W.', buckets: [1] }) // TS2322
        metrics?.declare('other', { type: 'timer', help: 'O.' }) // TS2322
        const undo: (() => void) | undefined = metrics?.collect(async () => {})
      },
    })`,

  'a probe, a middleware and pipelines are services like others': `
    definePlugin({
      name: 'several',
      needs: { jobs: optional(Jobs), middleware: all(HttpMiddleware), probes: all(Probe) },
      provides: [Probe, HttpMiddleware],
      setup({ needs }) {
        void needs.jobs?.push('mail', [job])
        void needs.jobs?.push('mail', [{ id: '1' }]) // TS2739
        for (const [plugin, probe] of needs.probes) is<boolean | Promise<boolean>>()(probe.ready())
        // As packages made for Connect declare theirs.
        const cors: (request: IncomingMessage, response: ServerResponse, next: (error?: any) => void) => void = connect
        const middleware: HttpMiddleware = { name: 'cors', handle: cors }
        return {
          services: [
            [Probe, { health: () => true, ready: async () => [...needs.middleware.values()].length > 0 }],
            [HttpMiddleware, middleware],
          ],
        }
      },
    })
    const slow: Probe = { health: () => 'yes', ready: () => true } // TS2322
    const nameless: HttpMiddleware = { handle() {} } // TS2741`,

  'a variant is a union told apart by its key': `
    const parts = [
      { name: 'disk', properties: { path: required({ type: 'string' }) } },
      { name: 'memory', properties: {} },
    ] as const
    definePlugin({
      name: 'user',
      config: section({ store: required(variant('kind', parts)) }),
      setup({ config: { store } }) {
        const kind: 'disk' | 'memory' = store.kind
        if (store.kind === 'disk') store.config.path.length
        store.config.path // TS2339
        store.kind === 'other' // TS2367
        store.driver // TS2339
      },
    })`,

  'a map section has values of one type by any name': `
    const config = configOf(mapSection({ type: 'object', properties: { port: required({ type: 'integer' }) } }))
    is<number | undefined>()(config.web?.port)
    config.web.port // TS18048`,

  'set-up is handed the services of its needs': `
    definePlugin({
      name: 'user',
      needs: { store: Store, maybe: optional(Store), stores: all(Store) },
      setup({ needs }) {
        is<StoreService>()(needs.store)
        is<StoreService | undefined>()(needs.maybe)
        is<ReadonlyMap<string, StoreService>>()(needs.stores)
        needs.store.read('a').length
        needs.maybe.read('a') // TS18048
        needs.stores.get('disk').read('a') // TS2532
        needs.other // TS2339
      },
    })
    definePlugin({ name: 'wrong', needs: { store: 'store' }, setup() {} }) // TS2322`,

  'set-up without a section has no config': `
    definePlugin({
      name: 'plain',
      setup({ config, mode }) {
        is<'serve' | 'dev' | 'bootstrap'>()(mode)
        config.interval // TS2339
      },
    })`,

  'a plugin returns the service that it provides': `
    definePlugin({ name: 'a', provides: Store, setup: () => ({ service: { read: (key) => key } }) })
    definePlugin({ name: 'b', provides: Store, setup: async () => ({ service: store, ready: () => true }) })
    definePlugin({ name: 'c', provides: Store, setup: () => ({ service: { write() {} } }) }) // TS2353
    definePlugin({ name: 'd', provides: Store, setup: () => ({}) }) // TS2322
    definePlugin({ name: 'e', provides: Store, setup() {} }) // TS2322
    definePlugin({ name: 'f', provides: Store, setup: () => ({ service: store, services: [] }) }) // TS2322`,

  'a plugin with a list of services returns pairs in its order': `
    const provides = [Store, Count] as const
    definePlugin({ name: 'a', provides: [Store, Count], setup: () => ({ services: [[Store, store], [Count, 1]] }) })
    definePlugin({ name: 'b', provides, setup: async () => ({ services: [[Store, store], [Count, 1]] }) })
    definePlugin({ name: 'c', provides, setup: () => ({ services: [[Store, store]] }) }) // TS2322
    definePlugin({ name: 'd', provides, setup: () => ({ services: [[Store, store], [Count, 'one']] }) }) // TS2322
    definePlugin({ name: 'e', provides, setup: () => ({ service: store }) }) // TS2322`,

  'a plugin that provides nothing may return nothing, or its life': `
    definePlugin({ name: 'a', setup() {} })
    definePlugin({ name: 'b', setup: async () => {} })
    definePlugin({ name: 'c', setup: () => ({ serve: async (signal) => is<AbortSignal>()(signal) }) })
    definePlugin({ name: 'd', setup: () => ({ serve: 1 }) }) // TS2322
    definePlugin({ name: 'e' }) // TS2345`,

  'the input of a procedure follows from its schema': `
    procedure({
      input: { type: 'object', properties: { key: required({ type: 'string' }), ttl: { type: 'string', format: 'duration' } } },
      call({ key, ttl }, { signal }) {
        is<string>()(key)
        is<number | undefined>()(ttl)
        is<AbortSignal>()(signal)
      },
    })
    procedure({ input: { type: 'integer', default: 1 }, call: (count) => is<number>()(count) })
    procedure({ call: (input) => is<unknown>()(input) })
    procedure({ call: (input) => input.key }) // TS18046
    procedure({ input: { type: 'number', default: 1 }, call: (count) => count.length }) // TS2339`,

  'the input of a procedure follows from its messages and from raw': `
    procedure({ raw: true, call: (bytes) => is<Buffer>()(bytes) })
    procedure({ request: Key, reply: Entry, call: ({ key }) => ({ key, value: key.length }) })
    procedure({ request: Key, reply: Entry, call: ({ key }) => ({ key, value: key }) }) // TS2322
    procedure({
      request: Key,
      reply: Entry,
      raw: true,
      call(input) {
        is<{ key: string } | Buffer>()(input)
        return Buffer.isBuffer(input) ? 'RAW' : { key: input.key, value: 1 }
      },
    })
    procedure({ request: Key, reply: Entry, raw: true, call: () => 1 }) // TS2322
    procedure({
      input: { type: 'integer', default: 1 },
      raw: true,
      call: (input) => is<number | Buffer>()(input),
    })`,

  'a request is written for a worker, and its answer read, as RoadRunner’s http plugin does': `
    const head: Omit<HttpHead, 'headers'> = {
      remoteAddr: '127.0.0.1', protocol: 'HTTP/1.1', method: 'GET', uri: '/', cookies: {}, rawQuery: '', attributes: {},
      isParsed: false, uploads: undefined,
    }
    encodeRequest({ ...head, headers: { host: ['a'] } }, 'proto')
    encodeRequest({ ...head, headers: {} }, 'xml') // TS2345
    is<number>()(decodeReply(Buffer.alloc(0)).status)`,

  'procedures with types and without are registered alike': `
    const typed = procedure({ input: { type: 'boolean', default: true }, call: (on) => !on })
    rpc.register('mine', { Typed: typed, Plain: { call: () => 1 }, Raw: procedure({ raw: true, call: () => 'x' }) })
    rpc.register('mine', { Wrong: { raw: false, call: () => 1 } }) // TS2322
    rpc.register('mine', { Wrong: { audited: true } }) // TS2741
    rpc.register('mine', { Wrong: () => 1 }) // TS2322
    rpc.register('mine', { Wrong: function wrong() {} }) // TS2322
    rpc.register('mine', { Wrong: class {} }) // TS2322`,
}

const prelude = `
import {
  all, definePlugin, HttpMiddleware, mapSection, Metrics, optional, Probe, procedure, type ProtoMessage, required, type RpcService, secret,
  type Section, section, type SectionConfig, serviceKey, unreachable, variant,
} from 'relayrunner'
import { decodeReply, encodeRequest, type HttpHead, JobDriver, jobDriver, Jobs, type NewJob, type Source } from 'relayrunner/work'
import type { IncomingMessage, ServerResponse } from 'node:http'
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends (<T>() => T extends B ? 1 : 2) ? unknown : never
declare function is<A>(): <B>(value: B & Same<A, B>) => void
declare function configOf<S extends Section>(section: S): SectionConfig<S>
interface StoreService { read(key: string): string }
const Store = serviceKey<StoreService>('store')
const Count = serviceKey<number>('count')
declare const store: StoreService
declare const rpc: RpcService
declare const source: Source
declare const job: NewJob
declare function connect(request: IncomingMessage, response: ServerResponse, next: () => void): void
declare const Key: ProtoMessage<{ key: string }>
declare const Entry: ProtoMessage<{ key: string; value: number }>
`

const faults = faultsOf(new Map(Object.entries(snippets).map(([title, text]) => [title, prelude + text])))

for (const [title, text] of Object.entries(snippets)) {
  test(title, () => {
    const first = prelude.split('\n').length
    const expected = text.split('\n').flatMap((line, at) => {
      const code = / \/\/ TS(\d+)$/.exec(line)?.[1]
      return code === undefined ? [] : [`${first + at}: TS${code}`]
    })
    const found = faults.get(title) ?? []
    assert.deepEqual(
      found.map(({ line, code }) => `${line}: TS${code}`),
      expected,
      found.map(({ message }) => message).join('\n'),
    )
  })
}
