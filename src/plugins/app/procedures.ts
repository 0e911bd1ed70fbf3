/** The procedures `app.*`: each call is a line of the log. */
import { type LogFields, type Logger, procedure, protoMessage, type RpcService } from '../../index.js'

const request = protoMessage({
  message: [1, 'string'],
  log_attrs: [2, [protoMessage({ key: [1, 'string'], value: [2, 'string'] })]],
})
const reply = protoMessage({})

const text = { type: 'string', default: '' } as const
const attribute = { type: 'object', properties: { key: text, value: text } } as const
const entry = {
  type: 'object',
  properties: { message: text, log_attrs: { type: 'array', items: attribute } },
} as const

type Level = 'debug' | 'info' | 'warn' | 'error'

// RoadRunner writes the text of `Log` to standard error as it is; here it is a line, so that the log stays one stream of lines.
const methods: readonly (readonly [method: string, level: Level])[] = [
  ['Debug', 'debug'],
  ['Info', 'info'],
  ['Warning', 'warn'],
  ['Error', 'error'],
  ['Log', 'info'],
]

/** Fields that belong to every line. */
const ownFields: ReadonlySet<string> = new Set([
  'time',
  'ts',
  'timestamp',
  'level',
  'logger',
  'message',
  'msg',
])

/** The procedures by name. */
export function appProcedures(log: Logger): Parameters<RpcService['register']>[1] {
  return Object.fromEntries(
    methods.flatMap(([method, level]) => [
      [
        method,
        procedure({
          input: text,
          raw: true,
          call: (message: string | Buffer) => {
            log[level]({}, message.toString().trimEnd())
            // A RAW answer is text.
            return typeof message === 'string' ? true : ''
          },
        }),
      ],
      [
        `${method}WithContext`,
        procedure({
          input: entry,
          request,
          reply,
          call: ({ message, log_attrs: attributes }) => {
            log[level](fieldsOf(attributes), message.trimEnd())
            return {}
          },
        }),
      ],
    ]),
  )
}

function fieldsOf(attributes: readonly { readonly key: string; readonly value: string }[]): LogFields {
  return Object.fromEntries(
    attributes.map(({ key, value }) => [ownFields.has(key) ? `app_${key}` : key, value]),
  )
}
