/** Remote procedures as plugins declare them, and the service `Rpc`. Types, and `procedure`, which infers them. */
import type { ProtoMessage } from '../../ipc/rpc/procedure.js'
import type { ConfigOf, Schema } from '../../schema/kinds.js'

/** A call as its procedure sees it. */
export interface ProcedureCall {
  /** Aborted when the client has closed its connection or its sending side, and when the plugin is stopped. */
  readonly signal: AbortSignal
}

/**
 * A remote procedure. It takes the codecs for which it says what its input is: PROTO where `request` and `reply` are named, RAW where
 * `raw` is set, JSON and MSGPACK where `input` is given; with none of these, JSON and MSGPACK as they come. The answer has the codec
 * of its request.
 */
export interface Procedure<S extends Schema | undefined, M, R extends true | undefined, O> {
  /**
   * Checks JSON and MSGPACK input as `rr.yaml` is checked: unknown keys are refused, defaults are filled in, durations become
   * milliseconds.
   */
  readonly input?: S
  /** The message of a PROTO request: the `read…` and `write…` functions that the command `pbf` generates. */
  readonly request?: ProtoMessage<M>
  /** The message of the answer to a PROTO request. */
  readonly reply?: ProtoMessage<O>
  /** Takes RAW requests: the input is a Buffer, and the answer has to be text or bytes. */
  readonly raw?: R
  /** Logs each call. Set it where a call changes something. */
  readonly audited?: true
  /**
   * Returns the answer. Throw or reject to answer with an error text; an answer that the codec cannot express is answered with an
   * error, too.
   */
  call(input: ProcedureInput<S, M, R>, call: ProcedureCall): O | Promise<O>
}

/** The input of a procedure, from its `input`, `request` and `raw`: of any of them, as the client chose; `unknown` without them. */
export type ProcedureInput<S, M, R> = [Named<S, M, R>] extends [never] ? unknown : Named<S, M, R>

type Named<S, M, R> = CheckedInput<S> | M | (R extends true ? Buffer : never)

type CheckedInput<S> = S extends Schema ? ConfigOf<{ readonly input: S }>['input'] : never

/** A procedure with its types forgotten, as `register` takes it. */
export interface AnyProcedure {
  readonly input?: Schema | undefined
  readonly request?: ProtoMessage<unknown>
  readonly reply?: ProtoMessage<unknown>
  readonly raw?: true | undefined
  readonly audited?: true
  /** Refuses functions, whose own method `call` would pass for this one. */
  readonly bind?: never
  call(input: never, call: ProcedureCall): unknown
}

/** Declares a procedure, with the type of its input from `input`, `request` and `raw`. Returns it as it is. */
export function procedure<
  const S extends Schema | undefined = undefined,
  M = never,
  R extends true | undefined = undefined,
  O = unknown,
  // Not the declaration's own type: the compiler would infer `S` from what `register` takes, before it has looked at `input`.
>(declaration: Procedure<S, M, R, O>): AnyProcedure {
  return declaration
}

/** Goridge RPC server, with the procedures that workers, other clients and `rr`'s own commands may call. */
export interface RpcService {
  /**
   * Adds `service.Method` for each own property of `procedures`. They are removed when the plugin stops or its set-up fails; the
   * returned function removes them earlier. Throws RR_PLUGIN_DUPLICATE for a registered service, RR_PLUGIN_API for a wrong name or
   * something that is not a procedure.
   */
  register(service: string, procedures: Readonly<Record<string, AnyProcedure>>): () => void
  /** Address in the workers' RR_RPC, e.g. `unix:///tmp/rr-0/…/worker.sock`. */
  readonly address: string
}
