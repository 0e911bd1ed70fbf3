/** The keys of `fileserver:`, RoadRunner's names. */
import { listenAddress, required, type SectionConfig, section } from '../../index.js'

/** The section. */
export const fileserverSection = section(
  {
    address: required(listenAddress()),
    calculate_etag: { type: 'boolean', default: false, description: 'Adds a weak `ETag` of size and time.' },
    weak: { type: 'boolean', default: false, description: 'As in RoadRunner; the `ETag` is always weak.' },
    serve: {
      type: 'array',
      description: 'Folders by the beginnings of paths; the longest that fits counts.',
      items: {
        type: 'object',
        properties: {
          prefix: required({ type: 'string', description: 'Beginning of the path, such as `/static`.' }),
          root: {
            type: 'string',
            default: '.',
            description: 'The folder. Names that begin with a dot are not served.',
          },
          compress: {
            type: 'boolean',
            default: false,
            description: 'Compresses files that get smaller, for clients that take it.',
          },
          max_age: {
            type: 'integer',
            minimum: 0,
            maximum: 31_536_000,
            default: 0,
            description:
              'Seconds for which clients may keep a file (`Cache-Control: max-age`); 0: no such header.',
          },
          bytes_range: {
            type: 'boolean',
            default: false,
            description: 'Answers requests for parts of files.',
          },
        },
      },
    },
  },
  'Files of folders over HTTP, on an address of their own.',
  ({ serve }) =>
    serve.length === 0
      ? [
          {
            key: 'serve',
            what: 'there is no folder to serve',
            hint: 'add `serve: [{ prefix: /static, root: public }]`',
          },
        ]
      : [],
)

/** Validated value of the section. */
export type FileserverSettings = SectionConfig<typeof fileserverSection>
