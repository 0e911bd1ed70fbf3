/** The section `amqp`: where RabbitMQ is, for all pipelines of the driver. */
import { type SectionConfig, secret, section } from '../../index.js'

/** The section. */
export const amqpSection = section(
  {
    addr: secret({
      type: 'string',
      pattern: '^amqps?://.+',
      patternText: 'amqp://USER:PASSWORD@HOST:PORT/VHOST or amqps://…',
      default: 'amqp://guest:guest@127.0.0.1:5672/',
      description: 'Address of RabbitMQ: `amqp://USER:PASSWORD@HOST:PORT/VHOST`, or `amqps://…`.',
    }),
    tls: {
      type: 'object',
      optional: true,
      description: 'Files for `amqps`.',
      properties: {
        root_ca: {
          type: 'string',
          description: 'Certificates that are trusted, instead of the system’s; PEM.',
        },
        cert: { type: 'string', description: 'Certificate that we show; PEM.' },
        key: { type: 'string', description: 'Key of `cert`; PEM.' },
      },
    },
  },
  'RabbitMQ, for pipelines of the driver `amqp`.',
  ({ tls }) =>
    tls !== undefined && (tls.cert === undefined) !== (tls.key === undefined)
      ? [{ key: 'tls', what: '"cert" and "key" belong together' }]
      : [],
)

/** Settings of the section. */
export type AmqpSettings = SectionConfig<typeof amqpSection>
