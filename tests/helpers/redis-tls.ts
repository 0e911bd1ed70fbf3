/** A Redis that speaks only TLS, with a certificate of its own authority. */
import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { freePorts } from './free-ports.js'
import { type RedisServer, redisServer } from './redis-server.js'
import { testFolder } from './rr.js'

/** Files of one authority, and the server and client certificate that it made. */
export interface TlsFiles {
  readonly ca: string
  readonly cert: string
  readonly key: string
}

/** Makes the files with openssl, for 127.0.0.1. */
export async function tlsFiles(t: TestContext): Promise<TlsFiles> {
  const folder = await testFolder(t)
  const at = (name: string) => join(folder, name)
  const openssl = (words: string) =>
    execFileSync('openssl', words.split(' '), { stdio: 'ignore', cwd: folder })
  writeFileSync(at('ext'), 'subjectAltName=IP:127.0.0.1')
  openssl('req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=authority -keyout ca.key -out ca.pem')
  openssl('req -newkey rsa:2048 -nodes -subj /CN=127.0.0.1 -keyout server.key -out server.csr')
  openssl(
    'x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile ext -out server.pem',
  )
  return { ca: at('ca.pem'), cert: at('server.pem'), key: at('server.key') }
}

/** Starts the server; clients need a certificate of the same authority unless `options` say otherwise. */
export async function tlsRedis(
  t: TestContext,
  files: TlsFiles,
  options: readonly string[] = [],
): Promise<RedisServer> {
  const [port] = await freePorts(1)
  const tls = ['--tls-cert-file', files.cert, '--tls-key-file', files.key, '--tls-ca-cert-file', files.ca]
  const server = await redisServer(t, ['--port', '0', '--tls-port', `${port}`, ...tls, ...options])
  return { ...server, address: `127.0.0.1:${port}` }
}
