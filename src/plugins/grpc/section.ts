/** The keys of `grpc:`, RoadRunner's names, and what no key can say alone. */
import { listenAddress, poolOrName, required, type SectionConfig, secret, section } from '../../index.js'

const duration = (description: string, value: string) =>
  ({ type: 'string', format: 'duration', default: value, description }) as const

/** A limit that is none when it is 0. */
const mayBeZero = (description: string) =>
  ({ type: 'string', format: 'duration', zero: 'allowed', default: '0s', description }) as const

/** Limits that RoadRunner has built in, or not at all. */
const limits = {
  type: 'object',
  description: 'Limits of connections and calls.',
  properties: {
    connections: {
      type: 'integer',
      minimum: 1,
      maximum: 1_000_000,
      default: 1000,
      description: 'Connections at once; more are closed.',
    },
    head_size: {
      type: 'string',
      format: 'size',
      default: '64KB',
      description: 'Bytes of the metadata of a call, and of that of its answer.',
    },
    request_timeout: duration('How long a client may take to send a whole call.', '5m'),
    write_timeout: duration(
      'How long a client may take nothing of its answer; then the call is closed.',
      '2m',
    ),
    buffered: {
      type: 'string',
      format: 'size',
      default: '256MB',
      description:
        'Bytes of messages held in memory at once; a call that finds no room gets RESOURCE_EXHAUSTED.',
    },
  },
} as const

const messageSize = (description: string) =>
  ({ type: 'integer', unit: 'MB', minimum: 1, maximum: 63, default: 50, description }) as const

/** The section. */
export const grpcSection = section(
  {
    listen: required(listenAddress()),
    proto: {
      type: 'array',
      items: { type: 'string' },
      description:
        'Files that declare the services, or patterns of them (`*`, `**`, `?`, `{a,b}`). What they import is read, too.',
    },
    pool: poolOrName(),
    env: {
      type: 'map',
      values: secret({ type: 'string' }),
      pairs: true,
      keyPattern: '^[A-Za-z_][A-Za-z0-9_]*$',
      description: 'Environment variables of the workers; those of `pool.env` count before them.',
    },
    tls: {
      type: 'object',
      optional: true,
      description: 'TLS. Off unless this key is present. The files are read again when they change.',
      properties: {
        key: required({ type: 'string', description: 'File of the private key (PEM).' }),
        cert: required({ type: 'string', description: 'File of the certificate and its chain (PEM).' }),
        root_ca: {
          type: 'string',
          default: '',
          description: 'File of the authorities of client certificates.',
        },
        client_auth_type: {
          type: 'string',
          enum: [
            'no_client_cert',
            'request_client_cert',
            'require_any_client_cert',
            'verify_client_cert_if_given',
            'require_and_verify_client_cert',
          ],
          default: 'no_client_cert',
          description: 'Certificates that clients must bring.',
        },
      },
    },
    max_send_msg_size: messageSize('Megabytes of the message of an answer.'),
    max_recv_msg_size: messageSize('Megabytes of the message of a call; also after it was unpacked.'),
    max_connection_idle: mayBeZero('How long a connection without a call stays open; 0: for ever.'),
    max_connection_age: mayBeZero(
      'How long a connection stays open (up to 10 % more or less, by chance); its calls end first. 0: for ever.',
    ),
    max_connection_age_grace: mayBeZero(
      'How long the calls of a connection of that age may take; 0: as long as they like.',
    ),
    max_concurrent_streams: {
      type: 'integer',
      minimum: 1,
      maximum: 10_000,
      default: 10,
      description: 'Calls at once on one connection.',
    },
    ping_time: duration('A client that sends nothing for so long is asked for a sign of life.', '2h'),
    timeout: duration('How long it may take to give it; then the connection is closed.', '20s'),
    abandoned: {
      type: 'string',
      enum: ['kill', 'finish'],
      default: 'kill',
      description:
        'What becomes of a running call whose client cancelled it, or whose deadline has passed: its worker is killed, or runs it to its end.',
    },
    access_logs: {
      type: 'boolean',
      default: false,
      description: 'One line of the log for each call. Off: at the level debug.',
    },
    interceptors: {
      type: 'array',
      items: { type: 'string' },
      description: 'Must be empty: interceptors of RoadRunner are written in Go.',
    },
    limits,
  },
  'gRPC: unary calls to workers, as RoadRunner’s grpc plugin does it.',
  ({ proto, interceptors, pool, env, tls }) => [
    ...(proto.length === 0
      ? [{ key: 'proto', what: 'there is no service to serve', hint: 'add `proto: [service.proto]`' }]
      : []),
    ...(interceptors.length === 0
      ? []
      : [
          {
            key: 'interceptors',
            what: `there is no interceptor "${interceptors[0]}": RoadRunner's are written in Go`,
            hint: 'check calls in the workers, or in a proxy in front, and leave this key out',
          },
        ]),
    ...(typeof pool === 'string' && Object.keys(env).length > 0
      ? [{ key: 'env', what: `the pool "${pool}" is shared`, hint: `move it to pools.${pool}.env` }]
      : []),
    ...(tls !== undefined && tls.root_ca === '' && /verify/.test(tls.client_auth_type)
      ? [
          {
            key: 'tls.client_auth_type',
            what: 'certificates are verified by no authority',
            hint: 'add `root_ca`',
          },
        ]
      : []),
  ],
)

/** Validated value of the section. */
export type GrpcConfig = SectionConfig<typeof grpcSection>

/** The pool with the variables of `grpc.env`. */
export function poolOf({ pool, env }: GrpcConfig): GrpcConfig['pool'] {
  return typeof pool === 'object' ? { ...pool, env: { ...env, ...pool.env } } : pool
}
