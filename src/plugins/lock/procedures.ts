/** The procedures `lock.*`, with RoadRunner's messages: times are microseconds. The locks are opened with the first call. */
import { type ProcedureCall, procedure, protoMessage, type RpcService } from '../../index.js'
import type { LockTable } from './lock-table.js'

const request = protoMessage({
  resource: [1, 'string'],
  id: [2, 'string'],
  ttl: [3, 'int'],
  wait: [4, 'int'],
})
const reply = protoMessage({ ok: [1, 'bool'] })

const text = { type: 'string', default: '' } as const
const micros = { type: 'integer', default: 0 } as const
const input = {
  type: 'object',
  properties: { resource: text, id: text, ttl: micros, wait: micros },
} as const

interface Request {
  readonly resource: string
  readonly id: string
  readonly ttl: number
  readonly wait: number
}

/** Returns the procedures by name, and what releases everything. */
export function lockProcedures(open: () => Promise<LockTable>): {
  readonly procedures: Parameters<RpcService['register']>[1]
  readonly close: () => Promise<void>
} {
  let locks: Promise<LockTable> | undefined
  const loaded = () => {
    locks ??= open()
    return locks
  }
  const over = (
    act: (locks: LockTable, request: Request, signal: AbortSignal) => boolean | Promise<boolean>,
    needsId = true,
  ) =>
    procedure({
      input,
      request,
      reply,
      call: async (given: Request, { signal }: ProcedureCall) => {
        if (needsId && given.id === '') throw new Error('empty ID is not allowed')
        return { ok: await act(await loaded(), given, signal) }
      },
    })
  const acquiring = (kind: 'write' | 'read') =>
    over((all, { resource, id, ttl, wait }, signal) =>
      all.acquire({ resource, id, kind, ttlMs: msOf(ttl), waitMs: msOf(wait), signal }),
    )
  return {
    procedures: {
      Lock: acquiring('write'),
      LockRead: acquiring('read'),
      Release: over((all, { resource, id }) => all.release(resource, id)),
      ForceRelease: over((all, { resource }) => all.forceRelease(resource), false),
      Exists: over((all, { resource, id }) => all.exists(resource, id)),
      UpdateTTL: over((all, { resource, id, ttl }) => all.updateTtl(resource, id, msOf(ttl))),
    },
    close: async () => void (await (await locks)?.close()),
  }
}

/** Never less than asked for. */
function msOf(us: number): number {
  return Math.max(0, Math.ceil(us / 1000))
}
