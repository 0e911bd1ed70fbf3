/** The section `logs:`: one log for the server and its workers. Hands the values to the host, which owns the log. */
import { definePlugin, Log, section } from '../../index.js'

export default definePlugin({
  name: 'logs',
  needs: { log: Log },
  config: section(
    {
      level: {
        type: 'string',
        enum: ['debug', 'info', 'warn', 'error', 'off'],
        default: 'info',
        description: 'The least level that is written.',
      },
      encoding: {
        type: 'string',
        enum: ['auto', 'console', 'json'],
        default: 'auto',
        description: 'JSON lines, or lines for people; `auto` is console on a terminal and JSON else.',
      },
      line_max: {
        type: 'string',
        format: 'size',
        default: '16MB',
        description: 'The longest line that stays whole; a longer one is written in numbered parts.',
      },
      output: {
        type: 'string',
        default: 'stderr',
        minLength: 1,
        description:
          'Where the log goes: `stderr`, `stdout`, or the path of a file, which is appended to. Inside Lambda always standard output.',
      },
    },
    'One log for the server and its workers.',
  ),
  setup({ config, needs }) {
    const { level, encoding, output, line_max: lineBytesMax } = config
    needs.log.configure({ level, encoding, output, lineBytesMax })
  },
})
