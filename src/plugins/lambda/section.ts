/** The keys of `lambda:`, and the check of those that depend on each other. */
import { poolOrName, type SectionConfig, section } from '../../index.js'
import { uploadKeys } from '../../work/http/upload-keys.js'

/** The section. */
export const config = section(
  {
    mode: {
      type: 'string',
      enum: ['raw', 'event', 'jobs', 'http'],
      default: 'raw',
      description:
        '`raw`: batches are split, a job is one record. `event`: a job is the unchanged event. `jobs`, `http`: jobs as RoadRunner’s plugins of these names send them.',
    },
    pool: poolOrName(),
    deadline_margin: {
      type: 'string',
      format: 'duration',
      zero: 'allowed',
      default: '1s',
      description:
        'How long before Lambda’s deadline the server answers: the smaller of this and a tenth of the time left, at least 50 ms. 0s means no margin.',
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
        '`group`: FIFO groups run in parallel. `strict`: the whole batch runs in order, and stops after a failure.',
    },
    records_per_job: {
      type: 'integer',
      minimum: 1,
      maximum: 10_000,
      default: 1,
      description: 'Most records per job. More than 1 (`mode: raw` only): the body is a small batch.',
    },
    prefetch: {
      type: 'string',
      enum: ['off', 'auto', 'always'],
      default: 'off',
      description:
        'Whether a second record may wait in a busy worker’s pipe: records of one batch without an order, while jobs take under 1 ms. `auto`: only for workers that announced `job_id`. `always`: for any; one that answers twice can then acknowledge a record that it never ran.',
    },
    failed: {
      type: 'string',
      default: 'redrive',
      pattern: '^(redrive|log|worker|https?://[^/]+/.+)$',
      patternText: 'redrive, log, worker, or the URL of a queue',
      description:
        'What happens to a record that was given up: `redrive` leaves it to the queue’s redrive policy, `log` writes it into the log, the URL of an SQS queue sends it there. `worker` (`mode: raw` only) shows it once to a worker that announced `given_up`, which settles what hangs on it.',
    },
    max_receives: {
      type: 'integer',
      minimum: 0,
      maximum: 1000,
      default: 0,
      description:
        'With `failed: worker`: `maxReceiveCount` of the queue’s redrive policy. A record that fails at its last delivery is shown to a worker as well, instead of going to the dead-letter queue unheard. 0: not known.',
    },
    retry: {
      type: 'string',
      enum: ['auto', 'visibility', 'log'],
      default: 'auto',
      description:
        'What becomes of a wait that a worker asks for with `after_ms`: `visibility` changes the visibility of the record in SQS, `log` only logs it. `auto`: `visibility` under `rr bootstrap` where `@aws-sdk/client-sqs` is installed, else `log`.',
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
            'After this many dead workers the record runs in a worker of its own; if that dies, too, the record is given up. 0 means never.',
        },
      },
    },
    kafka_identifier: {
      type: 'string',
      enum: ['partition', 'topic-partition'],
      default: 'partition',
      description: 'The key that identifies failed Kafka records; AWS’s own sources disagree.',
    },
    amazon_mq: {
      type: 'string',
      enum: ['whole', 'split'],
      default: 'whole',
      description:
        '`split`: a job is one message. Amazon MQ has no partial failures, so one failure repeats the whole batch.',
    },
    min_ready: {
      type: 'integer',
      minimum: 1,
      maximum: 2048,
      default: 1,
      description:
        'Workers that must be ready before the server asks for the first event. Under `rr bootstrap` they boot before the others.',
    },
    streaming: {
      type: 'boolean',
      default: false,
      description:
        'Answers are streamed to Lambda, under `mode: http` with the head of the HTTP answer. Events do not say whether their callers accept a stream.',
    },
    pipelining: {
      type: 'string',
      enum: ['off', 'on'],
      default: 'off',
      description:
        '`on`: an answer and the request for the next event go out in one write. It saves a system call an event; the Runtime API, and any proxy in front of it, must read a second request behind the first.',
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
            'How requests are encoded. `auto` is JSON, which every version of RoadRunner’s PHP package reads; `proto` is for workers that read only protobuf.',
        },
        raw_body: {
          type: 'boolean',
          default: false,
          description: 'Forms are passed on unparsed.',
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
            ...uploadKeys,
            forbid: {
              type: 'array',
              items: { type: 'string' },
              description: 'File extensions that are refused, e.g. .php.',
            },
          },
        },
      },
    },
  },
  'Events from the AWS Lambda Runtime API.',
  ({ mode, records_per_job, streaming, failed, max_receives }) => [
    ...(failed === 'worker' && mode !== 'raw'
      ? [
          {
            key: 'failed',
            what: 'records that are given up are shown to workers in mode: raw alone',
            hint: `the mode is ${mode}`,
          },
        ]
      : []),
    ...(max_receives > 0 && failed !== 'worker'
      ? [{ key: 'max_receives', what: 'max_receives needs failed: worker', hint: `failed is ${failed}` }]
      : []),
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
            what: 'a jobs worker’s answer is not a stream',
            hint: 'use mode: http, event or raw',
          },
        ]
      : []),
  ],
)

/** Validated value of the section. */
export type LambdaSettings = SectionConfig<typeof config>
