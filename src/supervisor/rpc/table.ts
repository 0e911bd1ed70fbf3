/** Table of the methods that clients may call, by service and name. Names from outside are looked up as data, never as properties. */
import { ErrorCode, RelayError } from '../../core/errors.js'
import type { RpcCaller } from '../../ipc/rpc/connection.js'
import type { RpcRegisterOptions } from '../services.js'

/** A method, and who calls it. */
export type CalledMethod = (argument: unknown, caller: RpcCaller) => unknown | Promise<unknown>

/** Entry of the table. */
export interface TableEntry {
  readonly run: CalledMethod
  /** True when each call is logged. */
  readonly isAudited: boolean
}

const serviceName = /^[A-Za-z][\w.-]{0,63}$/
const methodName = /^[A-Za-z]\w{0,63}$/

/** A table of methods. */
export class RpcTable {
  readonly #services = new Map<string, ReadonlyMap<string, TableEntry>>()

  /** Adds a service; returns its removal. Throws RR_PLUGIN_DUPLICATE and RR_PLUGIN_API. */
  register(
    service: string,
    methods: Readonly<Record<string, CalledMethod>>,
    { audited = [] }: RpcRegisterOptions = {},
  ): () => void {
    if (typeof service !== 'string' || !serviceName.test(service)) {
      throw wrong(`an RPC service cannot be called ${JSON.stringify(service)}`)
    }
    if (this.#services.has(service)) {
      throw new RelayError(ErrorCode.PluginDuplicate, `two plugins register the RPC service "${service}"`)
    }
    const entries = new Map<string, TableEntry>()
    for (const [name, run] of Object.entries(methods ?? {}))
      entries.set(name, entry(service, name, run, audited))
    if (entries.size === 0) throw wrong(`the RPC service "${service}" has no methods of its own`)
    const unknown = audited.find((name) => !entries.has(name))
    if (unknown !== undefined) throw wrong(`the RPC service "${service}" has no method "${unknown}" to audit`)
    this.#services.set(service, entries)
    return () => {
      if (this.#services.get(service) === entries) this.#services.delete(service)
    }
  }

  /** True when the service is there. */
  has(service: string): boolean {
    return this.#services.has(service)
  }

  /** The method of a full name. Throws with RoadRunner's texts: clients match on them. */
  find(name: string): TableEntry {
    const dot = name.lastIndexOf('.')
    if (dot < 0) throw new Error(`rpc: service/method request ill-formed: ${name}`)
    const methods = this.#services.get(name.slice(0, dot))
    if (methods === undefined) throw new Error(`rpc: can't find service ${name}`)
    const method = methods.get(name.slice(dot + 1))
    if (method === undefined) throw new Error(`rpc: can't find method ${name}`)
    return method
  }
}

function entry(service: string, name: string, run: unknown, audited: readonly string[]): TableEntry {
  if (!methodName.test(name))
    throw wrong(`"${service}" cannot have an RPC method called ${JSON.stringify(name)}`)
  if (typeof run !== 'function') throw wrong(`the RPC method ${service}.${name} is not a function`)
  return { run: run as CalledMethod, isAudited: audited.includes(name) }
}

function wrong(what: string): RelayError {
  return new RelayError(ErrorCode.PluginApi, what, {
    hint: 'Register functions under names of letters and digits: register("app", { Ping: () => "pong" }).',
  })
}
