/** The keys of middleware inside `http:`, and the names of those that are built in: RoadRunner's. */
import { HttpMiddleware } from '../../index.js'

/** The names of built-in middleware. */
export const middlewareNames = [
  'static',
  'gzip',
  'headers',
  'proxy_ip_parser',
  'sendfile',
  'otel',
  'http_metrics',
] as const

/** The name of the service by which plugins provide further middleware. */
export const middlewareService = HttpMiddleware.name

const headerMap = (description: string) => ({ type: 'map', values: { type: 'string' }, description }) as const

/** Keys of `http.static`. */
export const staticKeys = {
  type: 'object',
  description: 'For the middleware `static`: files that are served without a worker.',
  properties: {
    dir: {
      type: 'string',
      default: '.',
      description: 'The folder. Names that begin with a dot are not served.',
    },
    forbid: {
      type: 'array',
      items: { type: 'string' },
      default: ['.php', '.htaccess'],
      description: 'File extensions that are not served.',
    },
    allow: {
      type: 'array',
      items: { type: 'string' },
      description: 'The only file extensions that are served; empty: all.',
    },
    calculate_etag: { type: 'boolean', default: false, description: 'Adds a weak `ETag` of size and time.' },
    weak: { type: 'boolean', default: false, description: 'As in RoadRunner; the `ETag` is always weak.' },
    request: headerMap('Headers that are added to requests of files.'),
    response: headerMap('Headers of the answers.'),
  },
} as const

/** Keys of `http.headers`. */
export const headersKeys = {
  type: 'object',
  description: 'For the middleware `headers`.',
  properties: {
    cors: {
      type: 'object',
      optional: true,
      description: 'Cross-origin requests. Off unless this key is present.',
      properties: {
        allowed_origin: {
          type: 'string',
          default: '',
          description: 'Origins, separated by commas; `*` is any, or any text in one: `https://*.example`.',
        },
        allowed_origin_regex: { type: 'string', default: '', description: 'A pattern of further origins.' },
        allowed_headers: {
          type: 'string',
          default: '',
          description: 'Headers that requests may have, separated by commas; `*`: all.',
        },
        allowed_methods: {
          type: 'string',
          default: '',
          description: 'Methods, separated by commas. Empty: GET, POST and HEAD.',
        },
        allow_credentials: { type: 'boolean', default: false, description: 'Allows cookies.' },
        exposed_headers: {
          type: 'string',
          default: '',
          description: 'Headers of answers that scripts may read, separated by commas.',
        },
        max_age: {
          type: 'integer',
          minimum: 0,
          maximum: 86_400,
          default: 0,
          description: 'Seconds for which a browser may keep the answer to a preflight; 0: as it likes.',
        },
        options_success_status: {
          type: 'integer',
          minimum: 200,
          maximum: 299,
          default: 200,
          description: 'Status of the answer to a preflight.',
        },
      },
    },
    request: headerMap('Headers that are added to requests.'),
    response: headerMap('Headers of all answers; those of the workers win.'),
  },
} as const
