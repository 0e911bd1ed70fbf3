/** The keys of `sqs:`, which RoadRunner's pipelines over SQS share. */
import { type SectionConfig, secret, section } from '../../index.js'

/** The section. Without it, and for what it leaves out, AWS's own client decides. */
export const sqsSection = section(
  {
    region: { type: 'string', description: 'Region; else that of AWS’s environment or profile.' },
    endpoint: {
      type: 'string',
      description: 'Address of a compatible server, such as http://127.0.0.1:4566.',
    },
    key: secret({
      type: 'string',
      description: 'Id of an access key; without it AWS’s own sources are asked.',
    }),
    secret: secret({ type: 'string', description: 'Secret of the access key.' }),
    session_token: secret({ type: 'string', description: 'Token of temporary credentials.' }),
  },
  'Where queues of SQS are, and who asks for them.',
  ({ key = '', secret: secretKey = '', endpoint = '' }) => [
    ...((key === '') === (secretKey === '')
      ? []
      : [
          {
            key: key === '' ? 'secret' : 'key',
            what: '`sqs.key` and `sqs.secret` belong together',
            hint: 'give both, or neither',
          },
        ]),
    ...(endpoint === '' || /^https?:\/\/[^/]+/.test(endpoint)
      ? []
      : [{ key: 'endpoint', what: `"${endpoint}" is not an address`, hint: 'write http://HOST:PORT' }]),
  ],
)

/** Validated value of the section. */
export type SqsSectionSettings = SectionConfig<typeof sqsSection>
