/** The server's control: Goridge RPC on the private socket, and where `rpc.listen` says. Owns the table of methods. */
import { ErrorCode, hasCode, RelayError } from '../core/errors.js'
import type { Logger } from '../core/log.js'
import { listenTcp, listenUnix } from '../ipc/listen.js'
import { RpcServer } from '../ipc/rpc-server.js'
import type { RpcMethod, RpcService } from './services.js'

/** What the host is made of. */
export interface RpcHostOptions {
  /** The private folder. */
  readonly folder: string
  /** What relative socket paths of `rpc.listen` count from. */
  readonly cwd: string
  readonly log: Logger
}

/** Implements the service `Rpc`. */
export class RpcHost implements RpcService {
  readonly #options: RpcHostOptions
  readonly #services = new Map<string, Readonly<Record<string, RpcMethod>>>()
  readonly #private: RpcServer
  #asked: RpcServer | undefined
  #address: string

  constructor(options: RpcHostOptions) {
    this.#options = options
    this.#address = `unix://${options.folder}/rpc.sock`
    this.#private = this.#makeServer()
  }

  get address(): string {
    return this.#address
  }

  /** Opens the private socket. Rejects with RR_ALREADY_RUNNING when a live server holds it. */
  async open(): Promise<void> {
    const path = `${this.#options.folder}/rpc.sock`
    try {
      await listenUnix(this.#private.server, path)
    } catch (error) {
      if (!hasCode(error, ErrorCode.AddressInUse)) throw error
      throw new RelayError(
        ErrorCode.AlreadyRunning,
        `a server with this configuration is running already (${path})`,
        {
          hint: 'Stop it with `rr stop`, or start with another configuration file.',
          cause: error,
        },
      )
    }
  }

  async configure({ listen }: { readonly listen: string }): Promise<void> {
    if (listen === '') return
    const server = this.#makeServer()
    const unix = /^unix:\/\/(.+)$/.exec(listen)?.[1]
    const [, host, port] = /^tcp:\/\/(.+):(\d+)$/.exec(listen) ?? []
    try {
      if (unix !== undefined) {
        const path = unix.startsWith('/') ? unix : `${this.#options.cwd}/${unix}`
        await listenUnix(server.server, path)
        this.#address = `unix://${path}`
      } else {
        await listenTcp(server.server, host ?? '', Number(port))
        const bound = server.server.address()
        this.#address = typeof bound === 'object' && bound !== null ? `tcp://${host}:${bound.port}` : listen
      }
    } catch (error) {
      if (!hasCode(error, ErrorCode.AddressInUse)) throw error
      throw new RelayError(ErrorCode.AddressInUse, `${listen} is in use`, {
        hint: 'Change `rpc.listen`, or leave it empty for the private socket.',
        cause: error,
      })
    }
    this.#asked = server
  }

  register(service: string, methods: Readonly<Record<string, RpcMethod>>): void {
    if (this.#services.has(service)) {
      throw new RelayError(ErrorCode.PluginDuplicate, `two plugins register the RPC service "${service}"`)
    }
    this.#services.set(service, methods)
  }

  async close(): Promise<void> {
    await Promise.all([this.#private.close(), this.#asked?.close()])
  }

  #makeServer(): RpcServer {
    return new RpcServer({
      log: this.#options.log,
      dispatch: (method, argument) => this.#call(method, argument),
    })
  }

  /** The error texts are RoadRunner's: clients match on them. */
  async #call(name: string, argument: unknown): Promise<unknown> {
    const dot = name.lastIndexOf('.')
    if (dot < 0) throw new Error(`rpc: service/method request ill-formed: ${name}`)
    const methods = this.#services.get(name.slice(0, dot))
    if (methods === undefined) throw new Error(`rpc: can't find service ${name}`)
    const method = Object.hasOwn(methods, name.slice(dot + 1)) ? methods[name.slice(dot + 1)] : undefined
    if (method === undefined) throw new Error(`rpc: can't find method ${name}`)
    return method(argument)
  }
}
