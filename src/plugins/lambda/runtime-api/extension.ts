/**
 * Registers this process as an internal extension with no events and lets one `event/next` hang for ever. It is the only way
 * for a runtime to get SIGTERM instead of SIGKILL when its environment ends. Every refusal is fine: older emulators know none.
 * Written by hand as the client beside it: Node's own takes 2 ms of a start to load.
 */
import { connect, type Socket } from 'node:net'
import { type Clock, type Logger, messageOf } from '../../../index.js'

/** Parts of a registration. */
export interface ExtensionOptions {
  /** `host:port`, as AWS_LAMBDA_RUNTIME_API says it. */
  readonly address: string
  readonly userAgent: string
  readonly clock: Clock
  readonly log: Logger
}

const registerMsMax = 2000
// Must differ from every file in /opt/extensions.
const extensionName = 'relayrunner-internal'
const base = '/2020-01-01/extension'
const headBytesMax = 64 * 1024

/** Registers; resolves when the answer is there or 2 s have gone by. Never rejects. */
export function registerExtension(options: ExtensionOptions): Promise<void> {
  const { clock, log } = options
  return new Promise((resolve) => {
    const socket = open(options)
    const timer = clock.timer(registerMsMax, () => refused(`no answer within ${registerMsMax} ms`))
    let isOver = false
    const end = () => {
      isOver = true
      timer.clear()
      socket.destroy()
      resolve()
    }
    const refused = (why: string) => {
      if (isOver) return
      log.debug({ why }, 'no extension: the environment will end without SIGTERM')
      end()
    }
    let head = ''
    socket.on('data', (bytes: Buffer) => {
      head += bytes.toString('latin1')
      if (head.length > headBytesMax) return refused(`an answer of over ${headBytesMax} bytes`)
      if (isOver || !head.includes('\r\n\r\n')) return
      const identifier = /\r\nlambda-extension-identifier: *([^\r\n]+)/i.exec(head)?.[1]
      if (!/^HTTP\/1\.[01] 200\b/.test(head) || identifier === undefined)
        return refused(head.slice(0, head.indexOf('\r\n')))
      hang(options, identifier)
      end()
    })
    socket.on('error', (error) => refused(messageOf(error)))
    socket.on('close', () => refused('the connection was closed'))
    const body = '{"events":[]}'
    const headers = `Lambda-Extension-Name: ${extensionName}\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n`
    socket.write(`POST ${base}/register HTTP/1.1\r\n${commonOf(options)}${headers}\r\n${body}`)
  })
}

function hang(options: ExtensionOptions, identifier: string): void {
  const socket = open(options)
  // It ends with the environment; nothing is to be done then.
  socket.on('error', () => socket.destroy())
  socket.resume().unref()
  const head = `Lambda-Extension-Identifier: ${identifier}\r\n`
  socket.write(`GET ${base}/event/next HTTP/1.1\r\n${commonOf(options)}${head}\r\n`)
}

function open({ address }: ExtensionOptions): Socket {
  const colon = address.lastIndexOf(':')
  const host = address.slice(0, colon).replace(/^\[|\]$/g, '')
  return connect({ host, port: Number(address.slice(colon + 1)), noDelay: true })
}

function commonOf({ address, userAgent }: ExtensionOptions): string {
  return `Host: ${address}\r\nUser-Agent: ${userAgent}\r\n`
}
