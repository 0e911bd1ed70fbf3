/** The keys of `kafka:`, and of a pipeline in topics of Kafka. RoadRunner's names, and some of our own. */
import { type ConfigOf, type SectionConfig, secret, section } from '../../index.js'
import { priorityKey } from '../../work/queues/pipeline-keys.js'

const file = (description: string) => ({ type: 'string', default: '', description }) as const
const awsNotHere = 'is not supported yet: use SCRAM-SHA-512 or TLS certificates, which Amazon MSK has as well'

/** The section: where the brokers are. */
export const kafkaSection = section(
  {
    brokers: {
      type: 'array',
      items: { type: 'string' },
      description:
        '`HOST:PORT` of brokers that are asked first, without them `127.0.0.1:9092`; they know the others.',
    },
    tls: {
      type: 'object',
      optional: true,
      description: 'TLS to the brokers.',
      properties: {
        timeout: {
          type: 'string',
          format: 'duration',
          default: '10s',
          description: 'Longest time until a connection stands.',
        },
        root_ca: file('File of the authorities that are trusted; empty: the system’s.'),
        cert: file('File of the client’s certificate.'),
        key: file('File of its key.'),
        client_auth_type: {
          type: 'string',
          default: '',
          description: 'Accepted for RoadRunner’s sake: the broker decides whether it wants a certificate.',
        },
      },
    },
    sasl: {
      type: 'object',
      optional: true,
      description: 'Credentials.',
      properties: {
        mechanism: {
          type: 'string',
          enum: ['plain', 'PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512', 'aws_msk_iam'],
          default: 'plain',
          description: 'Mechanism of SASL.',
        },
        username: { type: 'string', default: '', description: 'User.' },
        password: secret({ type: 'string', default: '', description: 'Password.' }),
      },
    },
    ping: {
      type: 'object',
      optional: true,
      description: 'The first call to the brokers.',
      properties: {
        timeout: {
          type: 'string',
          format: 'duration',
          default: '10s',
          description: 'Longest time until a connection stands, without `tls`.',
        },
      },
    },
  },
  'The brokers of pipelines whose driver is `kafka`.',
  ({ sasl }) =>
    sasl?.mechanism === 'aws_msk_iam' ? [{ key: 'sasl', what: `aws_msk_iam ${awsNotHere}` }] : [],
)

/** Settings of the section. */
export type KafkaSettings = SectionConfig<typeof kafkaSection>

/** Keys of a pipeline. */
export const kafkaPart = {
  name: 'kafka',
  description: 'Jobs in topics of Kafka, read by a consumer group. Experimental.',
  properties: {
    priority: priorityKey,
    auto_create_topics_enable: {
      type: 'boolean',
      default: false,
      description: 'Topics that are not there are made, with the brokers’ settings.',
    },
    partitions: {
      type: 'integer',
      minimum: 0,
      maximum: 100_000,
      default: 0,
      description: 'Partitions of a topic that is made; 0 means as many as the brokers say.',
    },
    lane_header: {
      type: 'string',
      default: '',
      description:
        'Header of a pushed job that becomes the key of its record: jobs of one key are in one partition, and run in their order.',
    },
    producer_options: {
      type: 'object',
      description: 'How jobs are pushed.',
      properties: {
        required_acks: {
          type: 'string',
          enum: ['AllISRAck', 'LeaderAck', 'NoAck'],
          default: 'AllISRAck',
          description: 'Copies that a pushed job must have before its push is over.',
        },
        compression_codec: {
          type: 'string',
          enum: ['none', 'gzip'],
          default: 'none',
          description: 'Compression of pushed jobs.',
        },
        max_message_bytes: {
          type: 'integer',
          minimum: 1,
          maximum: 1_000_000_000,
          default: 1_000_012,
          description: 'Longest body of a pushed job in bytes.',
        },
        request_timeout: {
          type: 'string',
          format: 'duration',
          default: '10s',
          description: 'Longest time until a broker answers.',
        },
      },
    },
    consumer_options: {
      type: 'object',
      description: 'What is read.',
      properties: {
        topics: {
          type: 'array',
          items: { type: 'string' },
          description:
            'Topics that are read; jobs are pushed into the first. Without any: one with the name of the pipeline.',
        },
        min_fetch_message_size: {
          type: 'integer',
          minimum: 1,
          maximum: 1_000_000_000,
          default: 1,
          description: 'Bytes for which a broker waits, up to a second, before it answers.',
        },
        max_fetch_message_size: {
          type: 'integer',
          minimum: 1,
          maximum: 1_000_000_000,
          default: 1_000_000,
          description: 'Bytes of one partition that are read at once; a longer record is read alone.',
        },
        consumer_offset: {
          type: 'object',
          description: 'Where a group begins that has read nothing yet, or whose place the topic has lost.',
          properties: {
            type: {
              type: 'string',
              enum: ['AtStart', 'AtEnd'],
              default: 'AtStart',
              description: 'At the oldest record of a partition, or behind the newest.',
            },
          },
        },
      },
    },
    group_options: {
      type: 'object',
      description: 'The consumer group.',
      properties: {
        group_id: {
          type: 'string',
          default: '',
          description:
            'Group that all servers on the topics share; empty: `rr-` and the name of the pipeline.',
        },
        block_rebalance_on_poll: {
          type: 'boolean',
          default: false,
          description:
            'Accepted for RoadRunner’s sake: a partition always moves only when its running job has ended.',
        },
        session_timeout: {
          type: 'string',
          format: 'duration',
          default: '10s',
          description: 'Time after which the partitions of a server that is gone go to the others.',
        },
        rebalance_timeout: {
          type: 'string',
          format: 'duration',
          default: '60s',
          description:
            'Longest time that a partition waits for its running job before it moves to another server all the same.',
        },
      },
    },
  },
} as const

/** Keys of a pipeline, validated. */
export type KafkaKeys = ConfigOf<typeof kafkaPart.properties>
