/** The keys that say what a worker's process is: those of a pool, and of `server:`, which every pool inherits. */
import type { ConfigOf } from '../../schema/kinds.js'
import { secret } from '../../schema/section.js'

/** `user`, `group`, `umask`, `oom_score_adj`, `cwd`, `env_allow`: a pool's own value wins over that of `server:`. */
export const processProperties = {
  user: {
    type: 'string',
    description:
      'The user that workers run as: a name or a number, with its supplementary groups. Needs root.',
  },
  group: {
    type: 'string',
    description: 'The group of workers, a name or a number; not set: that of `user`.',
  },
  umask: {
    type: 'string',
    pattern: '^0?[0-7]{1,3}$',
    patternText: 'octal digits such as "0027"',
    description: 'The file mode mask of workers in octal, such as "0027". Not set: the server’s.',
  },
  oom_score_adj: {
    type: 'integer',
    minimum: -1000,
    maximum: 1000,
    description:
      'How soon the kernel kills a worker when memory runs out: 1000 first, -1000 never. Less than the server’s needs privilege.',
  },
  cwd: {
    type: 'string',
    description: 'The folder that workers start in; relative to the working directory.',
  },
  env_allow: {
    anyOf: [
      {
        type: 'array',
        items: {
          type: 'string',
          pattern: '^([A-Za-z_][A-Za-z0-9_]*\\*?|\\*)$',
          patternText: 'a name, or the beginning of names with a * behind it',
        },
      },
    ],
    description:
      'The variables that workers inherit from the server: names, or beginnings with a `*`. Not set: all. PATH, HOME, LANG, TZ, TMPDIR, those that the platform needs (docs/security.md), and those of `env` always.',
  },
} as const

/** Values of these keys: those that are absent are the ones of `server:`. */
export type ProcessKeys = Partial<ConfigOf<typeof processProperties>>

/** `env` of a pool or of `server:`. */
export const envProperty = {
  type: 'map',
  // Often credentials: neither a fault nor `rr config show` may show them.
  values: secret({ type: 'string' }),
  pairs: true,
  keyPattern: '^[A-Za-z_][A-Za-z0-9_]*$',
  description:
    'Environment variables that workers get beside the server’s own; a pool’s over those of `server`.',
} as const

/** Validated `server:` section, which every pool inherits. */
export interface ServerSettings extends ProcessKeys {
  readonly command: string | readonly string[] | undefined
  readonly relay: string
  readonly env: Readonly<Record<string, string>>
  /** A command that is run before the first workers boot. */
  readonly on_init?:
    | {
        readonly command: string
        /** Ms. */
        readonly exec_timeout: number
        readonly exit_on_error: boolean
        readonly user: string | undefined
        readonly env: Readonly<Record<string, string>>
      }
    | undefined
}
