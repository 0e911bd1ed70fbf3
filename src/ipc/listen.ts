/** Listens on this machine only: on a socket file that no other user can access, or on a loopback address. */
import { chmodSync, existsSync } from 'node:fs'
import { lstat, unlink } from 'node:fs/promises'
import { connect, type Server } from 'node:net'
import { dirname } from 'node:path'
import { ErrorCode, messageOf, RelayError } from '../core/errors.js'
import { bareHost, isLoopback } from '../core/loopback.js'

/** Node cuts longer socket paths off in silence. */
export const socketPathBytesMax = 103

const ownerOnly = 0o600
const othersMask = 0o177

/**
 * Listens on a socket file of mode 0600. A stale one is removed after a failed connect. Throws RR_ADDRESS_IN_USE when a
 * live one is there, RR_SOCKET_PATH for a path over 103 bytes, in no folder, or of something that is not a socket, and
 * RR_IPC_RELAY_CLOSED for the rest.
 */
export async function listenUnix(server: Server, path: string): Promise<void> {
  const bytes = Buffer.byteLength(path)
  if (bytes > socketPathBytesMax) {
    const what = `the socket path ${path} has ${bytes} bytes; the limit is ${socketPathBytesMax}`
    const hint = 'Use a shorter path: the system truncates longer ones silently.'
    throw new RelayError(ErrorCode.SocketPath, what, { hint })
  }
  try {
    await listening(server, { path }).catch(async (error: unknown) => {
      if (errnoOf(error) !== 'EADDRINUSE') throw error
      await removeStale(path)
      await listening(server, { path })
    })
    chmodSync(path, ownerOnly)
  } catch (error) {
    // The system's answer to a missing folder reads "permission denied".
    if (errnoOf(error) === 'EACCES' && !existsSync(dirname(path))) {
      throw new RelayError(ErrorCode.SocketPath, `the folder of the socket ${path} does not exist`, {
        hint: `Create it: mkdir -p ${dirname(path)}`,
        cause: error,
      })
    }
    throw cannotListen(`unix://${path}`, error)
  }
}

/**
 * Listens on a loopback address, or with `allowRemote` on any. Throws RR_ADDRESS_IN_USE, or RR_IPC_RELAY_CLOSED for one that is
 * not loopback.
 */
export async function listenTcp(
  server: Server,
  host: string,
  port: number,
  { allowRemote = false }: { readonly allowRemote?: boolean } = {},
): Promise<void> {
  const address = `tcp://${host}:${port}`
  if (!allowRemote && !isLoopback(host)) throw notLoopback(address)
  try {
    // Brackets separate an IPv6 address from its port and are not part of it.
    await listening(server, { host: bareHost(host), port })
  } catch (error) {
    throw cannotListen(address, error)
  }
  const bound = server.address()
  // `localhost` is resolved by the machine's resolver.
  if (!allowRemote && typeof bound === 'object' && bound !== null && !isLoopback(bound.address)) {
    server.close()
    throw notLoopback(`${address} (${bound.address})`)
  }
}

/**
 * Probes a socket file: `dead` when no process listens on it, `missing` when there is no file, `live` otherwise, even if the
 * listener is slow.
 */
export async function probeUnix(path: string): Promise<'live' | 'dead' | 'missing'> {
  const why = await connectErrno(path)
  // Only a refused connection proves that no process listens; a full backlog or a missing permission does not.
  if (why === 'ECONNREFUSED' || why === 'ENOTSOCK') return 'dead'
  return why === 'ENOENT' || why === 'ENOTDIR' ? 'missing' : 'live'
}

function notLoopback(address: string): RelayError {
  return new RelayError(ErrorCode.RelayClosed, `${address} is not a loopback address`, {
    hint: 'Use 127.0.0.1: every process that can reach this port could act as a worker.',
  })
}

function listening(server: Server, where: { path: string } | { host: string; port: number }): Promise<void> {
  return new Promise((resolve, reject) => {
    const onError = (error: Error) => {
      server.off('listening', onListening)
      reject(error)
    }
    const onListening = () => {
      server.off('error', onError)
      resolve()
    }
    server.once('error', onError)
    server.once('listening', onListening)
    // Node binds a path within this call. The file must never be open to others, not even between bind and chmod.
    const before = 'path' in where ? process.umask(othersMask) : undefined
    try {
      server.listen(where)
    } finally {
      if (before !== undefined) process.umask(before)
    }
  })
}

/** Removes a socket on which no process listens. Throws when one does, or when the path is not a socket. */
async function removeStale(path: string): Promise<void> {
  const stat = await lstat(path)
  if (!stat.isSocket()) {
    throw new RelayError(ErrorCode.SocketPath, `${path} exists and is not a socket`, {
      hint: 'Remove it, or choose another path.',
    })
  }
  const found = await probeUnix(path)
  if (found === 'dead') await unlink(path)
  else if (found === 'live') throw inUse(`unix://${path}`)
}

function connectErrno(path: string): Promise<unknown> {
  return new Promise((resolve) => {
    const socket = connect(path)
    const answer = (errno: unknown) => {
      socket.destroy()
      resolve(errno)
    }
    socket.once('connect', () => answer(undefined))
    socket.once('error', (error) => answer(errnoOf(error)))
  })
}

function errnoOf(error: unknown): unknown {
  return typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined
}

function inUse(address: string): RelayError {
  return new RelayError(ErrorCode.AddressInUse, `${address} is in use`, {
    hint: 'Stop the program that listens there, or choose another address.',
  })
}

function cannotListen(address: string, cause: unknown): RelayError {
  if (cause instanceof RelayError) return cause
  if (errnoOf(cause) === 'EADDRINUSE') return inUse(address)
  return new RelayError(ErrorCode.RelayClosed, `cannot listen on ${address}: ${messageOf(cause)}`, { cause })
}
