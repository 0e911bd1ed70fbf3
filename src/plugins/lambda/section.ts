/** The keys of `lambda:`, and what no key can say alone. */
import { poolOrName, type SectionConfig, section } from '../../index.js'

/** The section. */
export const config = section(
  {
    mode: {
      type: 'string',
      enum: ['raw', 'event', 'jobs', 'http'],
      default: 'raw',
      description:
        '`raw`: batches are split, a job is one record. `event`: a job is the event as it came. `jobs`, `http`: what RoadRunner’s plugins of these names send.',
    },
    pool: poolOrName(),
    deadline_margin: {
      type: 'string',
      format: 'duration',
      zero: 'allowed',
      default: '1s',
      description:
        'How long before Lambda’s deadline we answer: the smaller of this and a tenth of the time left, at least 50 ms. 0s is no margin.',
    },
    partial_failures: {
      type: 'string',
      enum: ['on', 'off'],
      default: 'on',
      description:
        '`off`: a failed record fails the whole invocation. For mappings without ReportBatchItemFailures.',
    },
    fifo: {
      type: 'string',
      enum: ['group', 'strict'],
      default: 'group',
      description:
        '`group`: FIFO groups run side by side. `strict`: the whole batch in order, and nothing after a failure.',
    },
    records_per_job: {
      type: 'integer',
      minimum: 1,
      maximum: 10_000,
      default: 1,
      description:
        'Records that a job holds at most. More than 1 (`mode: raw` only): the body is a small batch.',
    },
    failed: {
      type: 'string',
      default: 'redrive',
      pattern: '^(redrive|log|https?://[^/]+/.+)$',
      patternText: 'redrive, log, or the URL of a queue',
      description:
        'What becomes of a record that a worker gave up: `redrive` leaves it to the queue, `log` writes it into the log, a URL of an SQS queue takes it.',
    },
    quarantine: {
      type: 'object',
      description: 'Records that kill their workers.',
      properties: {
        after: {
          type: 'integer',
          minimum: 0,
          maximum: 1000,
          default: 3,
          description:
            'Workers that a record has to kill until it runs in one of its own; if that dies too, the record is given up. 0 is never.',
        },
      },
    },
    kafka_identifier: {
      type: 'string',
      enum: ['partition', 'topic-partition'],
      default: 'partition',
      description: 'The key by which failed records of Kafka are named; AWS’s own sources disagree.',
    },
    amazon_mq: {
      type: 'string',
      enum: ['whole', 'split'],
      default: 'whole',
      description:
        '`split`: a job is one message. Amazon MQ knows no partial failures, so one failure brings all of them again.',
    },
    min_ready: {
      type: 'integer',
      minimum: 1,
      maximum: 2048,
      default: 1,
      description:
        'Workers that must be ready before the first event is asked for. Under `rr bootstrap` they boot before the others.',
    },
    streaming: {
      type: 'boolean',
      default: false,
      description:
        'Answers are streamed to Lambda, with the head of an HTTP answer under `mode: http`. No event says whether its caller can take that.',
    },
    http: {
      type: 'object',
      description: 'For `mode: http`; RoadRunner’s names.',
      properties: {
        codec: {
          type: 'string',
          enum: ['auto', 'json', 'proto'],
          default: 'auto',
          description:
            'How requests are encoded. `auto` is JSON, which every version of RoadRunner’s PHP package reads; `proto` is for workers that know only that.',
        },
        raw_body: {
          type: 'boolean',
          default: false,
          description: 'Forms are handed over as they came instead of parsed.',
        },
        internal_error_code: {
          type: 'integer',
          minimum: 0,
          maximum: 599,
          default: 500,
          description: 'Status of the answer when a worker failed. 0 fails the invocation instead.',
        },
        uploads: {
          type: 'object',
          description: 'Uploaded files.',
          properties: {
            dir: {
              type: 'string',
              default: '',
              description: 'Their folder; empty: the system’s temporary one.',
            },
            forbid: {
              type: 'array',
              items: { type: 'string' },
              description: 'Endings that are refused, e.g. .php.',
            },
            allow: {
              type: 'array',
              items: { type: 'string' },
              description: 'Endings that alone are taken; empty: all.',
            },
            max_files: {
              type: 'integer',
              minimum: 1,
              maximum: 1000,
              default: 20,
              description:
                'Files of one form; PHP’s `max_file_uploads`. More are answered with 413. Fields left blank do not count.',
            },
            max_fields: {
              type: 'integer',
              minimum: 1,
              maximum: 10_000,
              default: 1000,
              description:
                'Other parts of a multipart form; PHP’s `max_input_vars`. More are answered with 413.',
            },
          },
        },
      },
    },
  },
  'Events from the AWS Lambda Runtime API.',
  ({ mode, records_per_job, streaming }) => [
    ...(records_per_job > 1 && mode !== 'raw'
      ? [
          {
            key: 'records_per_job',
            what: `${records_per_job} records a job need mode: raw`,
            hint: `the mode is ${mode}`,
          },
        ]
      : []),
    ...(streaming && mode === 'jobs'
      ? [
          {
            key: 'streaming',
            what: 'a jobs worker’s answer is no stream',
            hint: 'use mode: http, event or raw',
          },
        ]
      : []),
  ],
)

/** Its validated value. */
export type LambdaSettings = SectionConfig<typeof config>
