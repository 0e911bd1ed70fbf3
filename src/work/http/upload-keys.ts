/** Keys of uploaded files that requests over HTTP and events of Lambda share; which extensions are refused without being named differs. */

/** RoadRunner's keys, and two limits. */
export const uploadKeys = {
  dir: {
    type: 'string',
    default: '',
    description: 'The folder for uploads; empty: the system’s temporary folder.',
  },
  allow: {
    type: 'array',
    items: { type: 'string' },
    description: 'The only file extensions that are accepted; empty: all.',
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
    description: 'Other parts of a multipart form; PHP’s `max_input_vars`. More are answered with 413.',
  },
} as const
