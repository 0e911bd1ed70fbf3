/** A MariaDB server of a test's own: on a free port, in a private folder. */
import { execFile, execFileSync } from 'node:child_process'
import { chownSync, mkdirSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { createConnection } from 'mysql2/promise'
import { type BrokerProcess, missingBroker, programPath, startBroker } from './broker-process.js'
import { freePorts } from './free-ports.js'

/** A running server. */
export interface MariaDbServer extends BrokerProcess {
  readonly port: number
  /** Address of the database `app`, with its owner. */
  readonly url: string
  /** Runs SQL as the owner. */
  query(text: string): Promise<readonly Readonly<Record<string, unknown>>[]>
  /** Ends it for good. */
  end(): Promise<void>
}

const program = programPath('mariadbd')
const install = programPath('mariadb-install-db')

/** False, or why tests of MariaDB are skipped. */
export const noMariaDb = missingBroker('mariadb-server', install === undefined ? undefined : program)

/** Starts one; its caller ends it. */
export async function startMariaDb(): Promise<MariaDbServer> {
  const folder = await mkdtemp(join(tmpdir(), 'rr-mariadb-'))
  const data = join(folder, 'data')
  mkdirSync(data)
  // MariaDB does not run as root unless it is told to; its files belong to a user of the system.
  const user = process.getuid?.() === 0 ? mysqlUser() : undefined
  if (user !== undefined) for (const path of [folder, data]) chownSync(path, user.uid, user.gid)
  const options = { cwd: folder, env: { PATH: process.env.PATH, LC_ALL: 'C', HOME: folder }, ...user }
  const common = [
    '--no-defaults',
    `--datadir=${data}`,
    // Each cleans its folder of temporary tables at its start.
    `--tmpdir=${folder}`,
    '--innodb-buffer-pool-size=16M',
    '--innodb-log-file-size=8M',
  ]
  await promisify(execFile)(
    install ?? '',
    [...common, '--auth-root-authentication-method=normal', '--skip-test-db', '--force'],
    options,
  )
  const [port = 0] = await freePorts(1)
  const root = { host: '127.0.0.1', port, user: 'root' }
  const broker = await startBroker({
    words: [
      program ?? '',
      ...common,
      `--port=${port}`,
      '--bind-address=127.0.0.1',
      `--socket=${join(folder, 'socket')}`,
      `--pid-file=${join(folder, 'pid')}`,
      '--innodb-flush-log-at-trx-commit=1',
      '--skip-name-resolve',
    ],
    port,
    options,
    whenReady: () => whenReady(root),
  })
  const setUp = await createConnection(root)
  for (const text of [
    'CREATE DATABASE app CHARACTER SET utf8mb4',
    "CREATE USER 'app'@'127.0.0.1' IDENTIFIED BY 'p@ss/w#rd'",
    "GRANT ALL ON app.* TO 'app'@'127.0.0.1'",
  ])
    await setUp.query(text)
  await setUp.end()
  return {
    ...broker,
    port,
    url: `mysql://app:p@ss/w#rd@127.0.0.1:${port}/app`,
    end: async () => {
      await broker.kill()
      await rm(folder, { recursive: true, force: true, maxRetries: 10 })
    },
    query: async (text) => {
      const connection = await createConnection({ ...root, database: 'app' })
      try {
        const [rows] = await connection.query(text)
        return Array.isArray(rows) ? rows.map((row) => ({ ...row })) : []
      } finally {
        await connection.end()
      }
    },
  }
}

const againMs = 20

/** It takes connections before it answers: after a crash it recovers first. */
async function whenReady(place: {
  readonly host: string
  readonly port: number
  readonly user: string
}): Promise<void> {
  const endMs = performance.now() + 30_000
  for (;;)
    try {
      const connection = await createConnection(place)
      await connection.end()
      return
    } catch (error) {
      if (performance.now() > endMs) throw error
      await new Promise((resolve) => setTimeout(resolve, againMs))
    }
}

/** The user that Debian's package makes, else `nobody`. */
function mysqlUser(): { readonly uid: number; readonly gid: number } {
  for (const name of ['mysql', 'nobody'])
    try {
      const idOf = (flag: string) =>
        Number(execFileSync('id', [flag, name], { encoding: 'utf8', stdio: 'pipe' }))
      return { uid: idOf('-u'), gid: idOf('-g') }
    } catch {
      // The next one.
    }
  throw new Error('there is neither a user mysql nor nobody')
}
