/** Tells systemd that the server is ready, or stops: `Type=notify`. By its own program, as Node has no datagrams over Unix sockets. */
import { spawn } from 'node:child_process'
import { messageOf } from '../../src/core/errors.js'
import type { Logger } from '../../src/logging/logger.js'

/** State that systemd is told. */
export type SystemdState = 'READY=1' | 'STOPPING=1'

/** Sends a state where systemd asks for it. What fails is logged: systemd notices that it heard nothing. */
export function notifySystemd(
  state: SystemdState,
  { env, log }: { readonly env: Readonly<Record<string, string | undefined>>; readonly log: Logger },
): void {
  if (env.NOTIFY_SOCKET === undefined || env.NOTIFY_SOCKET === '') return
  const child = spawn('systemd-notify', [`--pid=${process.pid}`, state], { stdio: 'ignore', env })
  child.on('error', (error) => log.warn({ state, error: messageOf(error) }, 'systemd could not be told'))
  child.on('exit', (code) => {
    if (code !== 0) log.warn({ state, code }, 'systemd could not be told')
  })
  child.unref()
}
