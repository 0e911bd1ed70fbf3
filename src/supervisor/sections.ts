/** The host's own sections of `rr.yaml`: `logs`, `rpc`, `server`, `pools` and `dev`. Their values are for the host alone; no plugin sees them. */
import { isLoopback } from '../core/loopback.js'
import { byMode } from '../logging/channels.js'
import type { OutputSettings } from '../logging/outputs/outputs.js'
import { shipAddress } from '../logging/outputs/remote.js'
import type { LogSettings } from '../logging/sink.js'
import {
  mapSection,
  required,
  type Section,
  type SectionConfig,
  type SectionFault,
  section,
} from '../schema/section.js'
import { fileLoggerOptions } from './log-file-keys.js'
import { type PoolConfig, poolProperties } from './pool/keys.js'
import { envProperty, processProperties, type ServerSettings } from './pool/process-keys.js'

/** `listen` and `allow_remote` of the `rpc:` section. */
export interface RpcSettings {
  /** Empty: workers use the private `worker.sock`. */
  readonly listen: string
  /** True to listen also on addresses that are not loopback. */
  readonly allowRemote: boolean
}

/** The `dev:` section, which only `rr dev` reads. */
export interface DevSettings {
  /** Patterns of paths whose changes are ignored. */
  readonly ignore: readonly string[]
  /** Patterns of further files whose changes count. */
  readonly watch: readonly string[]
}

/** Values of the sections. */
export interface HostSettings {
  readonly logs: LogSettings
  readonly rpc: RpcSettings
  /** Values that every pool inherits. */
  readonly server: ServerSettings
  /** Named pools that plugins may share. */
  readonly pools: Readonly<Record<string, PoolConfig>>
  readonly dev: DevSettings
}

const logLevels = ['debug', 'info', 'warn', 'error', 'off'] as const
const logMode = {
  type: 'string',
  enum: ['development', 'production', 'raw', 'off', 'none'],
  description:
    'RoadRunner’s key: `development` is console and `production` JSON where `encoding` does not say otherwise; `raw` bare messages; `off` and `none` nothing.',
} as const

const logs = section(
  {
    level: {
      type: 'string',
      enum: logLevels,
      default: 'info',
      description: 'The least level that is written.',
    },
    encoding: {
      type: 'string',
      enum: ['auto', 'console', 'json', 'raw'],
      default: 'auto',
      description:
        'JSON lines, lines for people, or bare messages (`raw`); `auto` is console on a terminal and JSON else.',
    },
    mode: logMode,
    shape: {
      type: 'string',
      enum: ['own', 'roadrunner'],
      default: 'own',
      description:
        'Members of a line of JSON: ours, or RoadRunner’s (`level`, `ts`, `logger`, `msg`; lines of workers stay texts). In a `.rr.yaml` the default is `roadrunner`.',
    },
    channels: {
      type: 'map',
      values: {
        type: 'object',
        properties: {
          mode: logMode,
          level: { type: 'string', enum: logLevels, description: 'The least level of this channel.' },
          encoding: {
            type: 'string',
            enum: ['console', 'json', 'raw'],
            description: 'Encoding of this channel.',
          },
          output: {
            type: 'string',
            minLength: 1,
            description:
              'Where this channel goes: `stderr`, `stdout`, or a file. Default: where the log goes.',
          },
          file_logger_options: { ...fileLoggerOptions, optional: true },
        },
      },
      description:
        'Settings of what is logged under one name: a plugin’s, `server` (the output of workers), `service` (that of services), `rr` (the server itself).',
    },
    file_logger_options: fileLoggerOptions,
    line_max: {
      type: 'string',
      format: 'size',
      default: '16MB',
      description: 'The longest line that stays whole; a longer one is written in numbered parts.',
    },
    output: {
      type: 'string',
      default: 'stderr',
      minLength: 1,
      description:
        'Where the log goes: `stderr`, `stdout`, or the path of a file, which is appended to. Inside Lambda always standard output.',
    },
    ship: {
      type: 'array',
      items: {
        type: 'object',
        properties: {
          address: required({
            type: 'string',
            pattern: '^tcp://.+:[0-9]+$',
            patternText: 'tcp://HOST:PORT',
            description: 'Address of the server.',
          }),
          format: {
            type: 'string',
            enum: ['json', 'gelf'],
            default: 'json',
            description: '`json`: lines, as Logstash’s `json_lines` reads them; `gelf`: Graylog’s.',
          },
        },
      },
      description:
        'Servers that all lines are sent to as well. One that does not take them in time loses lines, which are counted.',
    },
  },
  'One log for the server and its workers.',
  ({ ship }) => ship.flatMap(shipFaults),
)

const rpc = section(
  {
    listen: {
      type: 'string',
      default: '',
      pattern: '^$|^unix://.+$|^tcp://.*:[0-9]+$',
      patternText: 'unix://PATH, tcp://127.0.0.1:PORT, or nothing for the private socket',
      description:
        'Where workers and other clients reach RPC instead of the private `worker.sock`: `unix://PATH` or `tcp://127.0.0.1:PORT`.',
    },
    allow_remote: {
      type: 'boolean',
      default: false,
      description:
        'Let `listen` name an address that other machines can reach. There is no password: each start warns of it.',
    },
  },
  'RPC for workers and other clients. `rr`’s own commands have a socket of their own.',
  ({ listen, allow_remote: isAllowed }) => (isAllowed ? [] : remoteFault(listen)),
)

const server = section(
  {
    command: {
      anyOf: [
        { type: 'string', format: 'command' },
        { type: 'array', items: { type: 'string' } },
      ],
      description:
        'The program of the workers: a string split by shell quoting rules, or a list. No shell runs it.',
    },
    handler: {
      type: 'string',
      description:
        'Instead of `command`: `worker.php` (a worker of that name), or `index.handler`, an ordinary Lambda handler in Node (`index.js`, `.mjs`, `.cjs`) or Python (`index.py`); `lambda.mode` is then `event` unless it is set.',
    },
    relay: {
      type: 'string',
      default: 'auto',
      pattern: '^(auto|fifo|pipes|unix://.+|tcp://.+:[0-9]+)$',
      patternText: 'auto, fifo, pipes, unix://PATH or tcp://127.0.0.1:PORT',
      description:
        'Transport between server and workers. `fifo` and `pipes` are standard input and output of the worker: `fifo` over named pipes, the fastest; `pipes` over socket pairs. `auto` is `fifo` where the system has `mkfifo`, else `pipes`. Else `unix://PATH` or `tcp://127.0.0.1:PORT`.',
    },
    ...processProperties,
    env: envProperty,
    on_init: {
      type: 'object',
      optional: true,
      description: 'A command that is run before the first workers boot, such as warming a cache.',
      properties: {
        command: {
          ...required({ type: 'string', format: 'command' }),
          description: 'The program and its arguments, split by shell quoting rules. No shell runs it.',
        },
        exec_timeout: {
          type: 'string',
          format: 'duration',
          default: '60s',
          description: 'The longest run; then it is stopped, which is a failure.',
        },
        exit_on_error: {
          type: 'boolean',
          default: false,
          description: 'Its failure ends the start; else it is a warning.',
        },
        user: { type: 'string', description: 'The user that it runs as; not set: that of `server`.' },
        env: envProperty,
      },
    },
  },
  'What every pool inherits.',
)

const pools = mapSection(
  { type: 'object', properties: poolProperties },
  'Named pools that plugins may share.',
)

const patterns = { type: 'array', items: { type: 'string', minLength: 1 } } as const

const dev = section(
  {
    ignore: {
      ...patterns,
      description:
        'Paths whose changes restart nothing, e.g. `tmp/` or `*.generated.php`: `*` within a name, `**` over folders; without a slash in any folder.',
    },
    watch: {
      ...patterns,
      description:
        'Further files that restart the workers, e.g. `templates/**`. Without it: files that the languages of the workers load.',
    },
  },
  'What `rr dev` watches; every other command ignores this section.',
)

/** The host's sections in the order of the documentation; all of them have values without being written. */
export const hostSections: readonly { readonly name: keyof HostSettings; readonly config: Section }[] = [
  { name: 'logs', config: logs },
  { name: 'rpc', config: rpc },
  { name: 'server', config: server },
  { name: 'pools', config: pools },
  { name: 'dev', config: dev },
]

/** Returns the settings in the values of these sections, which have been validated without a fault. */
export function hostSettings(values: ReadonlyMap<string, unknown>): HostSettings {
  const { listen, allow_remote: allowRemote } = configOf(values, 'rpc', rpc)
  return {
    logs: logSettings(configOf(values, 'logs', logs)),
    rpc: { listen, allowRemote },
    server: configOf(values, 'server', server),
    pools: configOf(values, 'pools', pools),
    dev: configOf(values, 'dev', dev),
  }
}

function logSettings(config: SectionConfig<typeof logs>): LogSettings {
  const { mode, level, encoding, shape, output, channels, file_logger_options: file, ship } = config
  const whole = byMode({ mode, level, encoding })
  return {
    level: whole.level ?? level,
    encoding: whole.encoding ?? 'auto',
    keys: shape,
    output: outputOf(output, file) ?? { path: output },
    lineBytesMax: config.line_max,
    channels: Object.fromEntries(
      Object.entries(channels).map(([name, channel]) => {
        const { output, file_logger_options: file } = channel
        return [name, { ...byMode(channel), output: outputOf(output, file) }]
      }),
    ),
    ship: ship.flatMap(({ address, format }) => {
      const read = shipAddress(address)
      return read === undefined ? [] : [{ address: read, format }]
    }),
  }
}

/** RoadRunner rotates the file of `log_output`, and no other. */
function outputOf(
  path: string | undefined,
  file: SectionConfig<typeof logs>['file_logger_options'] | undefined,
): OutputSettings | undefined {
  if (file === undefined || file.log_output === '') return path === undefined ? undefined : { path }
  return {
    path: file.log_output,
    rotation: {
      bytesMax: file.max_size * 2 ** 20,
      daysMax: file.max_age,
      filesMax: file.max_backups,
      isCompressed: file.compress,
    },
  }
}

function shipFaults({ address }: { readonly address: string }, at: number): readonly SectionFault[] {
  if (shipAddress(address) !== undefined) return []
  return [{ key: `ship.${at}.address`, what: `${address} is not an address`, hint: 'write tcp://HOST:PORT' }]
}

function configOf<S>(values: ReadonlyMap<string, unknown>, name: string, _section: S): SectionConfig<S> {
  // Validation checked it against this very section.
  return values.get(name) as SectionConfig<S>
}

function remoteFault(listen: string): readonly SectionFault[] {
  const host = /^tcp:\/\/(.*):\d+$/.exec(listen)?.[1]
  if (host === undefined || isLoopback(host)) return []
  const hint =
    'write tcp://127.0.0.1:PORT, or allow it with allow_remote: true: every program that reaches the port can reset the workers'
  return [{ key: 'listen', what: `${listen} is not a loopback address`, hint }]
}
