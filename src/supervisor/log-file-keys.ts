/** Keys of a file of the log, as RoadRunner names them: of the log, and of each of its channels. */

/** `file_logger_options`. */
export const fileLoggerOptions = {
  type: 'object',
  properties: {
    log_output: {
      type: 'string',
      default: '',
      description: 'RoadRunner’s key for a file; wins over `output`. The other keys apply to it.',
    },
    max_size: {
      type: 'integer',
      default: 100,
      minimum: 1,
      maximum: 1_000_000,
      description: 'Size in MB at which the file is set aside as `NAME-TIME.EXT` and a new one begun.',
    },
    max_age: {
      type: 'integer',
      default: 24,
      minimum: 0,
      maximum: 36_500,
      description: 'Days after which files that were set aside are removed; 0: never.',
    },
    max_backups: {
      type: 'integer',
      default: 10,
      minimum: 0,
      maximum: 100_000,
      description: 'How many files that were set aside are kept; 0: all.',
    },
    compress: {
      type: 'boolean',
      default: false,
      description: 'Compress files that were set aside (`.gz`).',
    },
  },
} as const
