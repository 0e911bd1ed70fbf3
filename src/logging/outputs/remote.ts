/** Sends lines of the log over TCP, to Logstash or Graylog. A connection that is lost is made again by the writer's next attempt. */
import { connect, type Socket } from 'node:net'
import type { LogTarget } from './target.js'

/** Server that lines are sent to. */
export interface ShipAddress {
  readonly host: string
  readonly port: number
}

/** Longest wait for a connection. */
const connectMsMax = 5000

/** Reads `tcp://HOST:PORT`; undefined for anything else. */
export function shipAddress(text: string): ShipAddress | undefined {
  const [, host, port] = /^tcp:\/\/(\[[^\]]+\]|[^:/]+):(\d{1,5})$/.exec(text) ?? []
  if (host === undefined || Number(port) < 1 || Number(port) > 65_535) return undefined
  return { host: host.replace(/^\[|\]$/g, ''), port: Number(port) }
}

/**
 * Makes a target of a TCP server. It takes bytes once the kernel has: what it took before a connection broke may be lost, or come again with
 * the chunk that failed.
 */
export function remoteTarget({ host, port }: ShipAddress): LogTarget {
  let socket: Socket | undefined
  return {
    write(bytes, done) {
      let isDone = false
      const end = (error: NodeJS.ErrnoException | undefined) => {
        if (isDone) return
        isDone = true
        current.off('error', end).off('close', closed)
        if (error !== undefined) current.destroy()
        done(error, error === undefined ? bytes.length : 0)
      }
      const closed = () => end(new Error(`${host}:${port} closed the connection`))
      socket ??= opened(host, port, () => {
        socket = undefined
      })
      const current = socket
      current.once('error', end).once('close', closed)
      current.write(bytes, (error) => end(error ?? undefined))
    },
  }
}

function opened(host: string, port: number, onClose: () => void): Socket {
  const socket = connect({ host, port, noDelay: true, keepAlive: true, timeout: connectMsMax })
  socket.once('connect', () => socket.setTimeout(0))
  socket.once('timeout', () =>
    socket.destroy(new Error(`${host}:${port} did not answer within ${connectMsMax} ms`)),
  )
  // A write hears of an error by itself; one between two writes is found by the next write.
  socket.on('error', () => undefined)
  socket.once('close', onClose)
  // Answers are not read; they must not fill the connection either.
  socket.resume()
  return socket.unref()
}
