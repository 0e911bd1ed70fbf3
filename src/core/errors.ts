/**
 * The error catalogue: every fault that leaves a file of ours is a `RelayError` with a permanent code.
 * Each code is thrown somewhere, tested, and explained in `docs/errors.md`.
 */

/** Permanent codes; told apart by value, never by `instanceof`, so that two copies of this package agree. */
export const ErrorCode = {
  ConfigInvalid: 'RR_CONFIG_INVALID',
  ConfigNotFound: 'RR_CONFIG_NOT_FOUND',
  Usage: 'RR_USAGE',
  ProjectFiles: 'RR_PROJECT_FILES',
  NothingToPull: 'RR_NOTHING_TO_PULL',
  AddressInUse: 'RR_ADDRESS_IN_USE',
  AddressInvalid: 'RR_ADDRESS_INVALID',
  LogOutput: 'RR_LOG_OUTPUT',
  AlreadyRunning: 'RR_ALREADY_RUNNING',
  NotRunning: 'RR_NOT_RUNNING',
  ForeignServer: 'RR_FOREIGN_SERVER',
  NoFunction: 'RR_NO_FUNCTION',
  NotAnswering: 'RR_NOT_ANSWERING',
  SocketPath: 'RR_SOCKET_PATH',
  PrivateFolder: 'RR_PRIVATE_FOLDER',
  PluginLoad: 'RR_PLUGIN_LOAD',
  PluginNotFound: 'RR_PLUGIN_NOT_FOUND',
  PluginApi: 'RR_PLUGIN_API',
  PluginDuplicate: 'RR_PLUGIN_DUPLICATE',
  PluginMissingNeed: 'RR_PLUGIN_MISSING_NEED',
  PluginCycle: 'RR_PLUGIN_CYCLE',
  PluginSetup: 'RR_PLUGIN_SETUP',
  PluginServe: 'RR_PLUGIN_SERVE',
  PluginStop: 'RR_PLUGIN_STOP',
  PluginTimeout: 'RR_PLUGIN_TIMEOUT',
  BadFrame: 'RR_IPC_BAD_FRAME',
  FrameTooLarge: 'RR_IPC_FRAME_TOO_LARGE',
  RelayClosed: 'RR_IPC_RELAY_CLOSED',
  Handshake: 'RR_IPC_HANDSHAKE',
  RpcFailed: 'RR_RPC_FAILED',
  WorkerBoot: 'RR_WORKER_BOOT',
  WorkerCommand: 'RR_WORKER_COMMAND',
  WorkerSettings: 'RR_WORKER_SETTINGS',
  WorkerCrashed: 'RR_WORKER_CRASHED',
  WorkerTimeout: 'RR_WORKER_TIMEOUT',
  JobFailed: 'RR_JOB_FAILED',
  JobAborted: 'RR_JOB_ABORTED',
  JobInvalid: 'RR_JOB_INVALID',
  PoolUnknown: 'RR_POOL_UNKNOWN',
  PoolMode: 'RR_POOL_MODE',
  PoolSize: 'RR_POOL_SIZE',
  ResetFailed: 'RR_RESET_FAILED',
  LedgerViolation: 'RR_LEDGER_VIOLATION',
  PoolNoWorkers: 'RR_POOL_NO_WORKERS',
  PoolQueueFull: 'RR_POOL_QUEUE_FULL',
  PoolStopped: 'RR_POOL_STOPPED',
  RuntimeApi: 'RR_RUNTIME_API',
  QueueRefused: 'RR_QUEUE_REFUSED',
  SnapshotHook: 'RR_SNAPSHOT_HOOK',
  QueueUnreachable: 'RR_QUEUE_UNREACHABLE',
  QueueDenied: 'RR_QUEUE_DENIED',
  QueueMissing: 'RR_QUEUE_MISSING',
  DriverPackage: 'RR_DRIVER_PACKAGE',
  BoltDbFile: 'RR_BOLTDB_FILE',
  JournalLocked: 'RR_JOURNAL_LOCKED',
  JournalFull: 'RR_JOURNAL_FULL',
  JournalFailed: 'RR_JOURNAL_FAILED',
  JournalCorrupt: 'RR_JOURNAL_CORRUPT',
  AwsPackage: 'RR_AWS_PACKAGE',
  AwsCall: 'RR_AWS_CALL',
} as const
export type ErrorCode = (typeof ErrorCode)[keyof typeof ErrorCode]

/** Optional parts of an error beside its message. */
export interface RelayErrorOptions {
  /** One sentence that tells the reader what to do. */
  readonly hint?: string
  readonly cause?: unknown
  /** Values a program may want, e.g. `exitCode`; never payloads or secrets. */
  readonly details?: Readonly<Record<string, unknown>>
}

const brand = Symbol.for('relayrunner.error')

/**
 * A fault with a permanent code, a sentence with the values in it, and a hint. `instanceof` is true for those of every copy of this
 * package: the command line is bundled, so a plugin's import is another copy.
 */
export class RelayError extends Error {
  static override [Symbol.hasInstance](value: unknown): boolean {
    return typeof value === 'object' && value !== null && brand in value
  }

  readonly [brand] = true
  override readonly name = 'RelayError'
  readonly code: ErrorCode
  readonly hint: string | undefined
  readonly details: Readonly<Record<string, unknown>>

  constructor(code: ErrorCode, message: string, options: RelayErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.code = code
    this.hint = options.hint
    this.details = options.details ?? {}
  }
}

/** True when `error` carries `code`, whichever copy of this package made it. */
export function hasCode(error: unknown, code: ErrorCode): boolean {
  return typeof error === 'object' && error !== null && 'code' in error && error.code === code
}

/** Returns the message of anything that was thrown, even of values that cannot be converted to text. Never throws. */
export function messageOf(error: unknown): string {
  try {
    const message: unknown = error instanceof Error ? error.message : error
    return typeof message === 'string' ? message : String(message)
  } catch {
    // An object without a prototype, or a getter that throws, cannot be converted to text.
    return 'a value that has no text was thrown'
  }
}
