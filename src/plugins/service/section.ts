/** The keys of `service:`. */
import { type ConfigOf, mapSection, required } from '../../index.js'

const seconds = (fallback: number, description: string) =>
  ({ type: 'integer', minimum: 0, maximum: 86_400 * 365, default: fallback, description }) as const

/** Keys of one service, as in RoadRunner. */
const serviceProperties = {
  command: required({
    type: 'string',
    format: 'command',
    description: 'The program and its arguments, split by shell quoting rules. No shell runs it.',
  }),
  process_num: {
    type: 'integer',
    minimum: 0,
    maximum: 1000,
    default: 1,
    description: 'Number of processes; 0 is 1.',
  },
  exec_timeout: {
    type: 'string',
    format: 'duration',
    zero: 'allowed',
    default: '0s',
    description: 'The longest run; then the process is stopped. 0 means no limit.',
  },
  remain_after_exit: {
    type: 'boolean',
    default: false,
    description: 'Start a process again when it has ended, whatever its exit code.',
  },
  restart_sec: seconds(30, 'Seconds before it is started again; 0 is 30.'),
  timeout_stop_sec: seconds(5, 'Seconds from SIGINT to SIGKILL at a stop; 0 is 5.'),
  env: {
    type: 'map',
    pairs: true,
    values: secretText(),
    description:
      'Variables over those of the server. Each is there in upper case, too, as RoadRunner gives it.',
  },
  user: { type: 'string', description: 'The user that it runs as, a name or a number. Needs root.' },
  service_name_in_log: {
    type: 'boolean',
    default: false,
    description: 'Accepted: every line has the name as its field `process`.',
  },
} as const

function secretText() {
  return { type: 'string', secret: true } as const
}

/** Validated keys of one service. */
export type ServiceConfig = ConfigOf<typeof serviceProperties>

/** The section. */
export const serviceSection = mapSection(
  { type: 'object', properties: serviceProperties },
  'Programs that run beside the workers, by name.',
)
