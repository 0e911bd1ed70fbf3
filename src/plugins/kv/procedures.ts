/** The procedures `kv.*`, with RoadRunner's messages and texts of errors. */
import { messageOf, procedure, protoMessage, type RpcService } from '../../index.js'
import type { KvItem, KvStorage } from '../../work/key-value.js'

const item = protoMessage({ key: [1, 'string'], value: [2, 'bytes'], timeout: [3, 'string'] })
const request = protoMessage({ storage: [1, 'string'], items: [2, [item]] })
const reply = protoMessage({ items: [1, [item]] })

/** The same as JSON, where bytes are base64. */
const input = {
  type: 'object',
  properties: {
    storage: { type: 'string', default: '' },
    items: {
      type: 'array',
      items: {
        type: 'object',
        properties: {
          key: { type: 'string', default: '' },
          value: { type: 'string', default: '' },
          timeout: { type: 'string', default: '' },
        },
      },
    },
  },
} as const

interface GivenItem {
  readonly key: string
  readonly value: Uint8Array | string
  readonly timeout: string
}

/** An item of an answer. In PROTO absent fields are empty, as in JSON they are left out. */
interface AnsweredItem {
  readonly key: string
  readonly value?: Uint8Array
  readonly timeout?: string
}

type Answer = readonly AnsweredItem[] | undefined

/** The procedures by name. */
export function kvProcedures(
  storages: ReadonlyMap<string, KvStorage>,
): Parameters<RpcService['register']>[1] {
  const over = (
    operation: string,
    act: (storage: KvStorage, items: readonly GivenItem[]) => Promise<Answer>,
  ) =>
    procedure({
      input,
      request,
      reply: answerMessage,
      call: async ({ storage: name, items }) => {
        try {
          return { items: (await act(find(storages, name), items)) ?? [] }
        } catch (error) {
          throw new Error(`${operation}: ${messageOf(error)}`, { cause: error })
        }
      },
    })
  return {
    Has: over('rpc_has', async (storage, items) =>
      (await storage.has(keysOf(items))).map((key) => ({ key })),
    ),
    MGet: over('rpc_mget', async (storage, items) =>
      [...(await storage.get(keysOf(items)))].map(([key, value]) => ({ key, value })),
    ),
    Set: over('rpc_set', async (storage, items) => {
      keysOf(items)
      await storage.set(items.map(itemOf))
      return undefined
    }),
    MExpire: over('rpc_mexpire', async (storage, items) => {
      if (items.some(({ key, timeout }) => timeout === '' || key.trim() === ''))
        throw new Error('timeout for MExpire is empty or key is empty')
      await storage.expire(items.map(({ key, timeout }) => ({ key, expiresAtMs: timeOf(timeout) })))
      return undefined
    }),
    TTL: over('rpc_ttl', async (storage, items) =>
      [...(await storage.ends(keysOf(items)))].map(([key, atMs]) => ({
        key,
        ...(atMs === undefined ? {} : { timeout: textOfTime(atMs) }),
      })),
    ),
    Delete: over('rpc_delete', async (storage, items) => {
      await storage.delete(keysOf(items))
      return undefined
    }),
    Clear: over('rpc_clear', async (storage) => {
      await storage.clear()
      return undefined
    }),
  }
}

/** The message of answers; only written here. JSON gets the bytes as base64. */
const answerMessage = {
  read: reply.read,
  write: (
    { items }: { readonly items: readonly AnsweredItem[] },
    writer: Parameters<typeof reply.write>[1],
  ) =>
    reply.write(
      { items: items.map(({ key, value = noBytes, timeout = '' }) => ({ key, value, timeout })) },
      writer,
    ),
}

const noBytes = new Uint8Array()

function find(storages: ReadonlyMap<string, KvStorage>, name: string): KvStorage {
  if (name === '') throw new Error('no storage provided')
  const storage = storages.get(name)
  if (storage === undefined) throw new Error(`no such storage: ${name}`)
  return storage
}

function keysOf(items: readonly GivenItem[]): readonly string[] {
  return items.map(({ key }) => {
    if (key.trim() === '') throw new Error("key can't be empty string")
    return key
  })
}

function itemOf({ key, value, timeout }: GivenItem): KvItem {
  return {
    key,
    value: typeof value === 'string' ? Buffer.from(value, 'base64') : value,
    expiresAtMs: timeout === '' ? undefined : timeOf(timeout),
  }
}

const rfc3339 = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?(Z|[+-]\d{2}:\d{2})$/

function timeOf(text: string): number {
  const ms = rfc3339.test(text) ? Date.parse(text) : Number.NaN
  if (Number.isNaN(ms))
    throw new Error(`parsing time ${JSON.stringify(text)}: it is not in the form of RFC 3339`)
  return ms
}

/** In whole seconds, as PHP's client reads it. */
function textOfTime(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 19)}+00:00`
}
