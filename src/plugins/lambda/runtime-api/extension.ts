/**
 * Registers this process as an internal extension with no events and lets one `event/next` hang for ever. It is the only way
 * for a runtime to get SIGTERM instead of SIGKILL when its environment ends. Every refusal is fine: older emulators know none.
 */
import { request } from 'node:http'
import type { Logger } from '../../../index.js'

const registerMsMax = 2000
// Must differ from every file in /opt/extensions.
const extensionName = 'relayrunner-internal'

/** Registers; resolves when the answer is there or 2 s have gone by. Never rejects. */
export function registerExtension(address: string, userAgent: string, log: Logger): Promise<void> {
  return new Promise((resolve) => {
    const refused = (why: string) => {
      log.debug({ why }, 'no extension: the environment will end without SIGTERM')
      resolve()
    }
    const headers = {
      'Lambda-Extension-Name': extensionName,
      'Content-Type': 'application/json',
      'User-Agent': userAgent,
    }
    const url = `http://${address}/2020-01-01/extension/register`
    const register = request(
      url,
      { method: 'POST', headers, timeout: registerMsMax, agent: false },
      (response) => {
        response.resume()
        const identifier = response.headers['lambda-extension-identifier']
        if (response.statusCode !== 200 || typeof identifier !== 'string')
          return refused(`status ${response.statusCode}`)
        hang(address, identifier, userAgent)
        resolve()
      },
    )
    register.on('timeout', () => register.destroy(new Error(`no answer within ${registerMsMax} ms`)))
    register.on('error', (error) => refused(error.message))
    register.end('{"events":[]}')
  })
}

function hang(address: string, identifier: string, userAgent: string): void {
  const headers = { 'Lambda-Extension-Identifier': identifier, 'User-Agent': userAgent }
  const next = request(
    `http://${address}/2020-01-01/extension/event/next`,
    { headers, agent: false },
    (response) => response.resume(),
  )
  // It ends with the environment; nothing is to be done then.
  next.on('error', () => next.destroy())
  next.on('socket', (socket) => socket.unref())
  next.end()
}
