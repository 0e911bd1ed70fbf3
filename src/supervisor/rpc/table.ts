/** Table of the procedures that clients may call, by service and name. Names from outside are looked up as data, never as properties. */
import { ErrorCode, RelayError } from '../../core/errors.js'
import type { ProcedureCodecs } from '../../ipc/rpc/procedure.js'
import type { Schema } from '../../schema/kinds.js'
import type { ProcedureCall } from './procedure.js'

/** A procedure that was checked; `C` is what it is told of a call. */
export interface CheckedProcedure<C> extends ProcedureCodecs {
  readonly input?: Schema
  readonly audited?: true
  call(input: unknown, call: C): unknown
}

/** Entry of the table. */
export interface TableEntry<C> {
  readonly procedure: CheckedProcedure<C>
  /** Running calls: aborted when the procedure is removed. */
  readonly running: Set<AbortController>
}

const serviceName = /^[A-Za-z][\w.-]{0,63}$/
const methodName = /^[A-Za-z]\w{0,63}$/

/** A table of procedures. */
export class RpcTable<C = ProcedureCall> {
  readonly #services = new Map<string, ReadonlyMap<string, TableEntry<C>>>()

  /** Adds a service; returns its removal, which aborts its running calls. Throws RR_PLUGIN_DUPLICATE and RR_PLUGIN_API. */
  register(service: string, procedures: unknown): () => void {
    if (typeof service !== 'string' || !serviceName.test(service)) {
      throw wrong(`an RPC service cannot be called ${JSON.stringify(service)}`)
    }
    if (this.#services.has(service)) {
      throw new RelayError(ErrorCode.PluginDuplicate, `two plugins register the RPC service "${service}"`)
    }
    const entries = new Map<string, TableEntry<C>>()
    for (const [name, procedure] of Object.entries(procedures ?? {})) {
      checkName(service, name)
      entries.set(name, { procedure: checked<C>(`${service}.${name}`, procedure), running: new Set() })
    }
    if (entries.size === 0) throw wrong(`the RPC service "${service}" has no methods of its own`)
    this.#services.set(service, entries)
    return () => {
      if (this.#services.get(service) === entries) this.#services.delete(service)
      for (const { running } of entries.values()) for (const call of running) call.abort()
    }
  }

  /** True when the service is there. */
  has(service: string): boolean {
    return this.#services.has(service)
  }

  /** The procedure of a full name; undefined where there is none. */
  get(name: string): TableEntry<C> | undefined {
    const dot = name.lastIndexOf('.')
    return dot < 0 ? undefined : this.#services.get(name.slice(0, dot))?.get(name.slice(dot + 1))
  }

  /** The procedure of a full name. Throws with RoadRunner's texts: clients match on them. */
  find(name: string): TableEntry<C> {
    const dot = name.lastIndexOf('.')
    if (dot < 0) throw new Error(`rpc: service/method request ill-formed: ${name}`)
    const methods = this.#services.get(name.slice(0, dot))
    if (methods === undefined) throw new Error(`rpc: can't find service ${name}`)
    const method = methods.get(name.slice(dot + 1))
    if (method === undefined) throw new Error(`rpc: can't find method ${name}`)
    return method
  }
}

function checkName(service: string, name: string): void {
  if (!methodName.test(name))
    throw wrong(`"${service}" cannot have an RPC method called ${JSON.stringify(name)}`)
}

/** Checks what a plugin declared: whatever it is, it is read once. */
function checked<C>(name: string, declared: unknown): CheckedProcedure<C> {
  const { call, request, reply, input, raw, audited } = fieldsOf(declared)
  if (typeof call !== 'function') throw wrong(`the RPC method ${name} has no function \`call\``)
  if ((request === undefined) !== (reply === undefined))
    throw wrong(`the RPC method ${name} names one of \`request\` and \`reply\`: PROTO takes both`)
  if (request !== undefined && !(isMessage(request) && isMessage(reply)))
    throw wrong(`a message of the RPC method ${name} has no functions \`read\` and \`write\``)
  if (input !== undefined && !isSchema(input))
    throw wrong(`\`input\` of the RPC method ${name} is not a schema such as { type: 'object', properties }`)
  for (const [key, value] of Object.entries({ raw, audited })) {
    if (value !== undefined && typeof value !== 'boolean')
      throw wrong(`\`${key}\` of the RPC method ${name} is not a boolean`)
  }
  const codecs = {
    ...(request === undefined ? {} : { request, reply }),
    ...(raw === true ? { raw } : {}),
    ...(audited === true ? { audited } : {}),
    ...(input === undefined ? {} : { input }),
  }
  // Checked above, as far as values can be.
  return { ...codecs, call: (value: unknown, of: C) => call.call(declared, value, of) } as CheckedProcedure<C>
}

function fieldsOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? (value as Readonly<Record<string, unknown>>) : {}
}

function isMessage(value: unknown): boolean {
  const { read, write } = fieldsOf(value)
  return typeof read === 'function' && typeof write === 'function'
}

function isSchema(value: unknown): boolean {
  const { type, anyOf } = fieldsOf(value)
  return typeof type === 'string' || Array.isArray(anyOf)
}

function wrong(what: string): RelayError {
  return new RelayError(ErrorCode.PluginApi, what, {
    hint: 'Register procedures by names of letters and digits: register("app", { Ping: { call: () => "pong" } }).',
  })
}
