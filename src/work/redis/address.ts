/** The keys that say where a Redis is, the same wherever one is named. RoadRunner's names. Pure. */
import { type ConfigOf, secret } from '../../index.js'
import { maskedAddress } from '../queues/queue-fault.js'

/** Properties of a section or a part. */
export const redisAddressKeys = {
  addrs: {
    type: 'array',
    items: { type: 'string' },
    description:
      '`HOST:PORT` of the server (without it `127.0.0.1:6379`); several are a cluster, or the sentinels.',
  },
  master_name: {
    type: 'string',
    default: '',
    description: 'Name of the master that sentinels at `addrs` know.',
  },
  username: { type: 'string', default: '', description: 'User.' },
  password: secret({ type: 'string', default: '', description: 'Password.' }),
  sentinel_password: secret({ type: 'string', default: '', description: 'Password of the sentinels.' }),
  db: {
    type: 'integer',
    minimum: 0,
    maximum: 1_000_000,
    default: 0,
    description: 'Number of the database.',
  },
  dial_timeout: {
    type: 'string',
    format: 'duration',
    default: '5s',
    description: 'Longest time until a connection stands.',
  },
  tls: {
    type: 'object',
    optional: true,
    description: 'TLS to the server, and to sentinels.',
    properties: {
      root_ca: {
        type: 'string',
        default: '',
        description: 'Certificates that are trusted, instead of the system’s; PEM.',
      },
      cert: { type: 'string', default: '', description: 'Certificate that we show; PEM.' },
      key: { type: 'string', default: '', description: 'Key of `cert`; PEM.' },
    },
  },
} as const

/** Address by single keys, or by `url` alone. */
export interface RedisAddress extends Omit<ConfigOf<typeof redisAddressKeys>, 'tls'> {
  readonly url?: string | undefined
  readonly tls?: ConfigOf<typeof redisAddressKeys>['tls']
}

/** Returns the address of a `redis://` or `rediss://` URL. */
export function redisAddressOf(url: string): RedisAddress {
  return {
    url,
    addrs: [],
    master_name: '',
    username: '',
    password: '',
    sentinel_password: '',
    db: 0,
    dial_timeout: 5000,
  }
}

const addressDefault = '127.0.0.1:6379'
const portDefault = 6379

/** Returns the address for messages, without secrets. */
export function placeOfRedis({ url, addrs, master_name: master }: RedisAddress): string {
  if (url !== undefined) return maskedAddress(url)
  const list = addrs.length === 0 ? addressDefault : addrs.map(maskedAddress).join(', ')
  return master === '' ? list : `${master} of ${list}`
}

/** Returns the servers of `addrs`; never an empty list. */
export function redisServersOf({ addrs }: RedisAddress): {
  readonly host: string
  readonly port: number
}[] {
  return (addrs.length === 0 ? [addressDefault] : addrs).map((text) => {
    const [, host = text, port] = /^(?:tcp:\/\/|redis:\/\/)?(.*?)(?::(\d+))?$/.exec(text) ?? []
    return { host: host.replace(/^\[|\]$/g, ''), port: port === undefined ? portDefault : Number(port) }
  })
}
