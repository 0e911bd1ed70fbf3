/**
 * Serves control requests by Goridge RPC: on two private sockets and at `rpc.listen`. `rpc.sock` is the operator's and has every
 * method; workers and other clients have sockets of their own, with places of their own, and cannot call our own methods.
 */
import type { Clock } from '../../core/clock.js'
import { ErrorCode, hasCode, RelayError } from '../../core/errors.js'
import { isLoopback } from '../../core/loopback.js'
import { listenTcp, listenUnix } from '../../ipc/listen.js'
import type { RpcMessage } from '../../ipc/rpc/codec.js'
import type { RpcCall, RpcCaller } from '../../ipc/rpc/connection.js'
import { RpcServer, type RpcServerOptions } from '../../ipc/rpc/server.js'
import { decodeInput, encodeAnswer, isPlain } from '../../ipc/rpc/values.js'
import type { Logger } from '../../logging/logger.js'
import type { Schema } from '../../schema/kinds.js'
import { claimFolder } from '../folder/claim.js'
import {
  controlSocketName,
  openRootFolder,
  privateFolderPath,
  type ServerIdentity,
  workerSocketName,
} from '../folder/private-folder.js'
import { holdStartLock } from '../folder/start-lock.js'
import { descriptorsMax } from '../machine/limits.js'
import type { RpcSettings } from '../sections.js'
import { audit } from './audit.js'
import type { AnyProcedure, ProcedureCall, RpcService } from './procedure.js'
import { type CheckedProcedure, RpcTable } from './table.js'

/** Checks a value against a schema and returns it with its defaults. Rejects with every fault, as text for the client. */
export type CheckInput = (schema: Schema, value: unknown) => Promise<unknown>

/** A call of one of the server's own procedures. */
export interface OwnCall extends ProcedureCall {
  readonly caller: RpcCaller
}

/** Options of a host. */
export interface ControlSocketsOptions {
  readonly identity: ServerIdentity
  readonly version: string
  /** Folder that relative socket paths of `rpc.listen` count from. */
  readonly cwd: string
  readonly checkInput: CheckInput
  readonly clock: Clock
  readonly log: Logger
}

/** Kind of a client, by the socket through which it connected. */
type ClientKind = 'operator' | 'client'

// Enough for every command that people and scripts run side by side.
const operatorPlacesMax = 32
// Enough for a pool's workers and a few more, but leaves descriptors for everything else.
const clientPlacesMax = 512
const descriptorShare = 8
const clientPlacesMin = 16
// Addresses to listen on that are not addresses to connect to on every system.
const anyHost: ReadonlySet<string> = new Set(['', '0.0.0.0', '::', '[::]'])

/** Implements the service `Rpc`. */
export class ControlSockets implements RpcService {
  readonly #options: ControlSocketsOptions
  readonly #folder: string
  /** Procedures that every client may call. */
  readonly #public = new RpcTable()
  /** Further procedures that only clients of `rpc.sock` may call. */
  readonly #own = new RpcTable<OwnCall>()
  /** Made when they open: some starts open them late. */
  #operator: RpcServer | undefined
  #workers: RpcServer | undefined
  #asked: RpcServer | undefined
  #address: string
  #giveBack: (() => void) | undefined

  constructor(options: ControlSocketsOptions) {
    this.#options = options
    this.#folder = privateFolderPath(options.identity)
    this.#address = `unix://${this.#folder}/${workerSocketName}`
  }

  get address(): string {
    return this.#address
  }

  /** The operator's socket, e.g. `unix:///tmp/rr-0/…/rpc.sock`. */
  get controlAddress(): string {
    return `unix://${this.#folder}/${controlSocketName}`
  }

  /** Takes the private folder and opens its sockets. Rejects with RR_ALREADY_RUNNING when a live server holds it. */
  async open(): Promise<void> {
    const operator = this.#makeServer(controlSocketName, 'operator')
    const workers = this.#makeServer(workerSocketName, 'client')
    this.#operator = operator
    this.#workers = workers
    this.#giveBack = await claimFolder(this.#options, async (folder) => {
      try {
        await listenUnix(operator.server, `${folder}/${controlSocketName}`)
        await listenUnix(workers.server, `${folder}/${workerSocketName}`)
      } catch (error) {
        await this.close()
        throw error
      }
    })
  }

  /** Listens as the `rpc:` section says; once, before anything asks for the address. */
  async configure({ listen, allowRemote }: RpcSettings): Promise<void> {
    if (listen === '') return
    const server = this.#makeServer('rpc.listen', 'client')
    try {
      this.#address = await this.#listen(server, listen, allowRemote)
    } catch (error) {
      if (!hasCode(error, ErrorCode.AddressInUse)) throw error
      throw new RelayError(ErrorCode.AddressInUse, `${listen} is in use`, {
        hint: 'Change `rpc.listen`, or leave it empty for the private socket.',
        cause: error,
      })
    }
    this.#asked = server
  }

  register(service: string, procedures: Readonly<Record<string, AnyProcedure>>): () => void {
    if (this.#own.has(service)) {
      throw new RelayError(ErrorCode.PluginDuplicate, `the RPC service "${service}" is the server's own`)
    }
    return this.#public.register(service, procedures)
  }

  /** Calls a procedure that every client may call, without input; undefined where there is none. */
  callPublic(name: string, call: ProcedureCall): unknown {
    return this.#public.get(name)?.procedure.call(undefined, call)
  }

  /** The service as one plugin is handed it: what the plugin registers is removed with it. */
  forPlugin(defer: (undo: () => unknown) => void): RpcService {
    const host = this
    return {
      register: (service, procedures) => {
        const remove = host.register(service, procedures)
        defer(remove)
        return remove
      },
      get address() {
        return host.address
      },
    }
  }

  /** Adds procedures that only the operator's socket has. */
  registerOwn(service: string, procedures: Readonly<Record<string, CheckedProcedure<OwnCall>>>): void {
    this.#own.register(service, procedures)
  }

  async close(): Promise<void> {
    const closing = [this.#operator?.close(), this.#workers?.close(), this.#asked?.close()]
    // In the same turn as the sockets' files are removed: a server that starts now finds either everything or nothing.
    this.#giveBack?.()
    this.#giveBack = undefined
    await Promise.all(closing)
  }

  /** Returns the address that clients are given. */
  async #listen({ server }: RpcServer, listen: string, allowRemote: boolean): Promise<string> {
    const { cwd, log } = this.#options
    const unix = /^unix:\/\/(.+)$/.exec(listen)?.[1]
    if (unix !== undefined) {
      const path = unix.startsWith('/') ? unix : `${cwd}/${unix}`
      await this.#alone(() => listenUnix(server, path))
      return `unix://${path}`
    }
    const [, host = '', port] = /^tcp:\/\/(.*):(\d+)$/.exec(listen) ?? []
    if (!isLoopback(host)) refuseRemote(listen, allowRemote)
    await listenTcp(server, host === '' ? '::' : host, Number(port), { allowRemote })
    if (!isLoopback(host)) {
      log.warn(
        { listen },
        'rpc.allow_remote: every program that reaches this port can reset the workers and call the plugins',
      )
    }
    const bound = server.address()
    const reachable = anyHost.has(host) ? '127.0.0.1' : host
    return typeof bound === 'object' && bound !== null ? `tcp://${reachable}:${bound.port}` : listen
  }

  /** Opens the sockets while no other server of this user starts: two must not take over the same stale socket. */
  async #alone(act: () => Promise<void>): Promise<void> {
    const release = await holdStartLock(openRootFolder(this.#options.identity.uid), this.#options.clock)
    try {
      await act()
    } finally {
      release()
    }
  }

  #makeServer(name: string, kind: ClientKind): RpcServer {
    const { log, clock } = this.#options
    const dispatch: RpcServerOptions['dispatch'] = (request, call) => this.#answer(kind, request, call)
    return kind === 'operator'
      ? new RpcServer({ name, dispatch, placesMax: operatorPlacesMax, evicts: 'idle', clock, log })
      : new RpcServer({ name, dispatch, placesMax: clientPlaces(), evicts: 'silent', clock, log })
  }

  #answer(kind: ClientKind, request: RpcMessage, call: RpcCall): Promise<Uint8Array | string> {
    const { signal } = call.abort
    const service = request.method.slice(0, Math.max(0, request.method.lastIndexOf('.')))
    return kind === 'operator' && this.#own.has(service)
      ? this.#run(this.#own, request, call, { signal, caller: call.caller })
      : this.#run(this.#public, request, call, { signal })
  }

  async #run<C>(table: RpcTable<C>, request: RpcMessage, { caller, abort }: RpcCall, seen: C) {
    const { procedure, running } = table.find(request.method)
    running.add(abort)
    try {
      const decoded = await decodeInput(procedure, request)
      const isChecked = procedure.input !== undefined && isPlain(request.codec)
      const input = isChecked ? await this.#options.checkInput(procedure.input, decoded) : decoded
      if (procedure.audited === true)
        audit(this.#options.log, { command: request.method, argument: input, caller })
      const answer = await procedure.call(input, seen)
      return await encodeAnswer(procedure, request.codec, answer)
    } finally {
      running.delete(abort)
    }
  }
}

function clientPlaces(): number {
  const share = Math.floor(descriptorsMax() / descriptorShare)
  return Math.min(clientPlacesMax, Math.max(clientPlacesMin, share))
}

function refuseRemote(listen: string, allowRemote: boolean): void {
  if (allowRemote) return
  throw new RelayError(ErrorCode.RelayClosed, `rpc.listen: ${listen} is not a loopback address`, {
    hint: 'Write tcp://127.0.0.1:PORT: every program that reaches the port can reset the workers. To allow it all the same: rpc.allow_remote: true.',
  })
}
