/** A PostgreSQL server of a test's own: on a free port, in a private folder. */
import { execFile, execFileSync } from 'node:child_process'
import { chownSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import pg from 'pg'
import { type BrokerProcess, isExecutable, missingBroker, startBroker } from './broker-process.js'
import { freePorts } from './free-ports.js'

/** A running server. */
export interface PostgresServer extends BrokerProcess {
  readonly port: number
  /** Address with the owner of everything, `app`. */
  readonly url: string
  /** Runs SQL as `app`. */
  query(text: string): Promise<readonly Readonly<Record<string, unknown>>[]>
  /** Ends it for good. */
  end(): Promise<void>
}

/** Folder of the programs: Debian's newest, or one of the PATH. */
const bin = binFolder()

/** False, or why tests of PostgreSQL are skipped. */
export const noPostgres = missingBroker('postgresql', bin)

function binFolder(): string | undefined {
  const root = '/usr/lib/postgresql'
  const versions = existsSync(root) ? readdirSync(root).sort((a, b) => Number(b) - Number(a)) : []
  const places = [...versions.map((version) => join(root, version, 'bin')), '/usr/local/bin', '/usr/bin']
  return places.find((place) => isExecutable(join(place, 'initdb')))
}

/** Starts one; its caller ends it. Passwords are asked for by nobody but the user `locked`, whose is `secret`. */
export async function startPostgres(): Promise<PostgresServer> {
  const folder = await mkdtemp(join(tmpdir(), 'rr-postgres-'))
  const data = join(folder, 'data')
  mkdirSync(data)
  // PostgreSQL does not run as root.
  const user = process.getuid?.() === 0 ? systemUser() : undefined
  if (user !== undefined) for (const path of [folder, data]) chownSync(path, user.uid, user.gid)
  const options = { cwd: folder, env: { PATH: process.env.PATH, LC_ALL: 'C', HOME: folder }, ...user }
  const program = (name: string) => join(bin ?? '', name)
  await promisify(execFile)(
    program('initdb'),
    ['-D', data, '-U', 'app', '--auth=trust', '--no-sync', '-E', 'UTF8'],
    options,
  )
  const rules = join(data, 'pg_hba.conf')
  writeFileSync(rules, `host all locked 127.0.0.1/32 scram-sha-256\n${readFileSync(rules, 'utf8')}`)
  const [port = 0] = await freePorts(1)
  const url = `postgres://app@127.0.0.1:${port}/postgres`
  const settings = ['fsync=off', 'listen_addresses=127.0.0.1', `unix_socket_directories=${folder}`]
  const broker = await startBroker({
    words: [program('postgres'), '-D', data, '-p', String(port), ...settings.flatMap((one) => ['-c', one])],
    port,
    options,
    // Ends it in order without waiting for its clients.
    stopSignal: 'SIGINT',
    whenReady: () => whenReady(url),
  })
  return {
    ...broker,
    port,
    url,
    end: async () => {
      await broker.kill()
      await rm(folder, { recursive: true, force: true, maxRetries: 10 })
    },
    query: async (text) => {
      const client = new pg.Client({ connectionString: url })
      await client.connect()
      try {
        return (await client.query(text)).rows
      } finally {
        await client.end()
      }
    },
  }
}

const againMs = 20

/** It takes connections before it answers: after a crash it recovers first. */
async function whenReady(connectionString: string): Promise<void> {
  for (;;) {
    const client = new pg.Client({ connectionString })
    client.on('error', () => undefined)
    try {
      await client.connect()
      await client.end()
      return
    } catch (error) {
      if (!/starting up|recovery|not yet accepting/.test(String(error))) throw error
      await new Promise((resolve) => setTimeout(resolve, againMs))
    }
  }
}

/** A user that is not root: `postgres`, else `nobody`. */
function systemUser(): { readonly uid: number; readonly gid: number } {
  for (const name of ['postgres', 'nobody'])
    try {
      const idOf = (flag: string) =>
        Number(execFileSync('id', [flag, name], { encoding: 'utf8', stdio: 'pipe' }))
      return { uid: idOf('-u'), gid: idOf('-g') }
    } catch {
      // The next one.
    }
  throw new Error('there is neither a user postgres nor nobody')
}
