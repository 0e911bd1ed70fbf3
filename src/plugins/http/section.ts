/** The keys of `http:`, RoadRunner's names, and what no key can say alone. */
import {
  listenAddress,
  poolOrName,
  poolProperties,
  required,
  type SectionConfig,
  section,
} from '../../index.js'
import { uploadKeys } from '../../work/http/upload-keys.js'
import { headersKeys, staticKeys } from './middleware-keys.js'

/** Limits of connections and requests that RoadRunner has built in, or not at all. */
const limits = {
  type: 'object',
  description: 'Limits of connections and requests.',
  properties: {
    connections: {
      type: 'integer',
      minimum: 0,
      maximum: 1_000_000,
      default: 0,
      description:
        'Connections at once; more are closed. 0: as many as file descriptors allow, 10,000 at most.',
    },
    head_size: {
      type: 'string',
      format: 'size',
      default: '64KB',
      description: 'Bytes of the request line and the headers; more are answered with 431.',
    },
    head_timeout: {
      type: 'string',
      format: 'duration',
      default: '30s',
      description: 'How long a client may take to send the head of a request; then 408.',
    },
    request_timeout: {
      type: 'string',
      format: 'duration',
      default: '5m',
      description: 'How long a client may take to send a whole request, its body included; then 408.',
    },
    idle_timeout: {
      type: 'string',
      format: 'duration',
      default: '5m',
      description:
        'How long a connection without a request stays open. A proxy in front must close its idle connections sooner.',
    },
    write_timeout: {
      type: 'string',
      format: 'duration',
      default: '2m',
      description: 'How long a client may take nothing of its answer; then the connection is closed.',
    },
    buffered: {
      type: 'string',
      format: 'size',
      default: '256MB',
      description:
        'Bytes of request bodies held in memory at once; a request that finds no room is answered with 503.',
    },
  },
} as const

/** RoadRunner's keys of uploaded files, and two limits. */
const uploads = {
  type: 'object',
  description: 'Uploaded files.',
  properties: {
    ...uploadKeys,
    forbid: {
      type: 'array',
      items: { type: 'string' },
      default: ['.php', '.exe', '.bat'],
      description: 'File extensions that are refused.',
    },
  },
} as const

/** The section. */
export const httpSection = section(
  {
    address: listenAddress(),
    pool: poolOrName(),
    pools: {
      type: 'map',
      description: 'Further pools by name, for requests whose path matches; the first that matches counts.',
      values: {
        type: 'object',
        properties: {
          match: {
            type: 'array',
            items: { type: 'string' },
            description: 'Paths; with a `*` at the end all that begin so.',
          },
          ...poolProperties,
        },
      },
    },
    ssl: {
      type: 'object',
      optional: true,
      description:
        'HTTPS, with HTTP/2 and HTTP/1.1. Off unless this key is present. The files are read again when they change.',
      properties: {
        address: { ...listenAddress(), default: '127.0.0.1:443' },
        redirect: {
          type: 'boolean',
          default: false,
          description: 'Requests to `http.address` are sent to HTTPS (308).',
        },
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
            'no_client_certs',
            'request_client_cert',
            'require_any_client_cert',
            'verify_client_cert_if_given',
            'require_and_verify_client_cert',
          ],
          default: 'no_client_certs',
          description: 'Certificates that clients must bring.',
        },
      },
    },
    http2: {
      type: 'object',
      description: 'HTTP/2.',
      properties: {
        h2c: {
          type: 'boolean',
          default: false,
          description: 'HTTP/2 in plain text on `http.address`, for clients that begin with it.',
        },
        max_concurrent_streams: {
          type: 'integer',
          minimum: 1,
          maximum: 10_000,
          default: 128,
          description: 'Requests at once on one connection.',
        },
      },
    },
    codec: {
      type: 'string',
      enum: ['auto', 'json', 'proto'],
      default: 'auto',
      description:
        'How requests are encoded. `auto` is JSON, which every version of RoadRunner’s PHP package reads; `proto` is for workers that read only protobuf.',
    },
    max_request_size: {
      type: 'integer',
      unit: 'MB',
      minimum: 1,
      maximum: 1_000_000,
      default: 1000,
      description:
        'Megabytes of a request’s body; more are answered with 413. Bodies without files have 63 MB at most, as they are handed to a worker in one piece; the files of a multipart form are written to disk as they come.',
    },
    internal_error_code: {
      type: 'integer',
      minimum: 100,
      maximum: 599,
      description:
        'Status of the answer when a request failed in the pool. Not set: 503 no worker was free, 504 `exec_ttl`, 502 the worker died, 500 it answered with an error.',
    },
    raw_body: { type: 'boolean', default: false, description: 'Forms are passed on unparsed.' },
    access_logs: {
      type: 'boolean',
      default: false,
      description: 'One line of the log for each request. Off: at the level debug.',
    },
    middleware: {
      type: 'array',
      items: { type: 'string' },
      description: 'Middleware around the workers, by name. As in RoadRunner the last one is the outermost.',
    },
    trusted_subnets: {
      type: 'array',
      items: { type: 'string' },
      description:
        'For the middleware `proxy_ip_parser`: proxies whose word about the client’s address counts. Empty: the private networks.',
    },
    static: staticKeys,
    headers: headersKeys,
    uploads,
    limits,
  },
  'HTTP: requests to workers, as RoadRunner’s http plugin does it.',
  ({ address, ssl }) =>
    address === undefined && ssl === undefined
      ? [{ key: 'address', what: 'there is no address to listen on', hint: 'add `address: 127.0.0.1:8080`' }]
      : [],
)

/** Validated value of the section. */
export type HttpConfig = SectionConfig<typeof httpSection>
