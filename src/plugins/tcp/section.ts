/** The keys of `tcp:`. RoadRunner's names, and limits. */
import { listenAddress, poolOrName, required, type SectionConfig, section } from '../../index.js'

const server = {
  type: 'object',
  properties: {
    addr: required(listenAddress()),
    delimiter: {
      type: 'string',
      minLength: 1,
      default: '\r\n',
      description: 'End of a message, which is sent to the worker with it.',
    },
  },
} as const

/** Section. */
export const tcpSection = section(
  {
    servers: { type: 'map', values: server, description: 'Listeners by the name that workers are told.' },
    read_buf_size: {
      type: 'integer',
      minimum: 1,
      maximum: 60,
      default: 1,
      description: 'Longest message in MB; a client that sends a longer one is closed.',
    },
    pool: poolOrName(),
    limits: {
      type: 'object',
      description: 'Limits of connections.',
      properties: {
        connections: {
          type: 'integer',
          minimum: 1,
          maximum: 1_000_000,
          default: 10_000,
          description: 'Connections at once, of all servers; more are closed.',
        },
        buffered: {
          type: 'string',
          format: 'size',
          default: '128MB',
          description: 'Bytes of messages that are not complete or wait for a worker, of all connections.',
        },
        idle_timeout: {
          type: 'string',
          format: 'duration',
          default: '0s',
          zero: 'allowed',
          description: 'Longest wait for a message; 0s: no limit.',
        },
        write_timeout: {
          type: 'string',
          format: 'duration',
          default: '60s',
          description: 'Longest wait for a client that does not read what a worker wrote.',
        },
      },
    },
  },
  'Raw TCP: messages of clients to workers, as RoadRunner’s tcp plugin does it.',
)

/** Validated value of the section. */
export type TcpConfig = SectionConfig<typeof tcpSection>
