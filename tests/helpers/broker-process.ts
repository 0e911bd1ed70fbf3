/** Programs of brokers under test: one that is missing is a skip on a developer's machine and a failure in CI. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { accessSync, constants } from 'node:fs'
import { createConnection } from 'node:net'
import { delimiter, join } from 'node:path'
import { endingWithUs } from './mortal.js'

/** A broker that a test may end and start again with what it had. */
export interface BrokerProcess {
  /** Starts it again; resolves when it takes connections. */
  start(): Promise<void>
  /** Ends it in order. */
  stop(): Promise<void>
  /** Ends it at once. */
  kill(): Promise<void>
}

/** False, or why tests of a broker are skipped. Throws in CI, where nothing may be skipped. */
export function missingBroker(name: string, path: string | undefined): string | false {
  if (path !== undefined) return false
  const why = `${name} is not on this machine`
  if (process.env.CI) throw new Error(`${why}: in CI nothing may be skipped, install it (see .ci/run)`)
  return why
}

/** Path of a program on the PATH, or where Debian has programs of the system. */
export function programPath(name: string): string | undefined {
  const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/usr/bin', '/usr/local/bin']
  return folders.map((folder) => join(folder, name)).find(isExecutable)
}

/** True for a program. */
export function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}

/** How a broker is run. */
export interface BrokerCommand {
  readonly words: readonly [string, ...string[]]
  readonly port: number
  readonly options?: Parameters<typeof spawn>[2]
  /** Signal that ends it in order; SIGTERM by default. */
  readonly stopSignal?: NodeJS.Signals
  /** Resolves when it answers. */
  readonly whenReady?: () => Promise<void>
}

/** Starts a broker that dies with this process. */
export async function startBroker(command: BrokerCommand): Promise<BrokerProcess> {
  const run = async () => {
    const [file, ...rest] = endingWithUs(command.words)
    const child = spawn(file, rest, { stdio: 'ignore', ...command.options })
    await whenOpen(command.port, child)
    await command.whenReady?.()
    return child
  }
  let child = await run()
  const end = async (signal: NodeJS.Signals) => {
    if (child.exitCode !== null || child.signalCode !== null) return
    const exit = once(child, 'exit')
    child.kill(signal)
    await exit
  }
  return {
    stop: () => end(command.stopSignal ?? 'SIGTERM'),
    kill: () => end('SIGKILL'),
    start: async () => {
      child = await run()
    },
  }
}

const openMsMax = 30_000
const againMs = 20

/** Resolves when a port takes connections; rejects when its program ends before. */
async function whenOpen(port: number, child: ChildProcess): Promise<void> {
  const endMs = performance.now() + openMsMax
  for (;;) {
    if (child.exitCode !== null || child.signalCode !== null)
      throw new Error(`the broker ended at its start: ${child.exitCode ?? child.signalCode}`)
    if (performance.now() > endMs) throw new Error(`nothing listens on port ${port}`)
    if (await isOpen(port)) return
    await new Promise((resolve) => setTimeout(resolve, againMs))
  }
}

function isOpen(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection({ port, host: '127.0.0.1' })
    const end = (found: boolean) => {
      socket.destroy()
      resolve(found)
    }
    socket.once('connect', () => end(true)).once('error', () => end(false))
  })
}
