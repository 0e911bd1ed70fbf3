/** An ordinary Lambda handler in a real worker process, called as the lambda plugin calls it. */
import { mkdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { TestContext } from 'node:test'
import { errorTextOf, startPool, type TestPool, textOf } from './pool.js'
import { buildFolder } from './project.js'
import { testFolder } from './rr.js'

/** End of a call: a result as its JSON, a verdict, or an error as Lambda is told it. */
export interface Called {
  readonly result?: string
  readonly context?: string
  readonly error?: {
    readonly errorType: string
    readonly errorMessage: string
    readonly stackTrace: readonly string[]
    readonly cause?: unknown
  }
}

/** The worker and its folder. */
export interface HandlerPool extends TestPool {
  readonly folder: string
  call(event: unknown, context?: object): Promise<Called>
}

/** Node's loader. */
export const nodeLoader = join(buildFolder, 'workers/node/loader.js')

/** Writes files with their folders. */
export async function writeFiles(folder: string, files: Readonly<Record<string, string>>): Promise<void> {
  for (const [name, text] of Object.entries(files)) {
    await mkdir(dirname(join(folder, name)), { recursive: true })
    await writeFile(join(folder, name), text)
  }
}

/** Starts the loader in a folder with these files. */
export async function startHandler(
  t: TestContext,
  files: Readonly<Record<string, string>>,
  options: {
    readonly handler?: string
    readonly env?: Record<string, string>
    readonly folder?: string
    /** The worker's; absent: a folder of the pool's own. */
    readonly cwd?: string
  } = {},
): Promise<HandlerPool> {
  const folder = options.folder ?? (await testFolder(t))
  await writeFiles(folder, files)
  const command = [process.execPath, nodeLoader, options.handler ?? 'index.handler']
  const env = { LAMBDA_TASK_ROOT: folder, ...options.env }
  const pool = await startPool(t, command, { env, config: { num_workers: 1, cwd: options.cwd } })
  const call = async (event: unknown, context: object = {}): Promise<Called> => {
    const body = Buffer.isBuffer(event) ? event : Buffer.from(JSON.stringify(event))
    const full = { kind: 'event', awsRequestId: 'r-1', traceId: null, ...context }
    try {
      const reply = await pool.pool.run({ context: JSON.stringify(full), body, codec: 0x04 })
      return { result: textOf(reply), context: Buffer.from(reply.context).toString() }
    } catch (error) {
      return { error: errorOf(errorTextOf(error)) }
    }
  }
  return { ...pool, folder, call }
}

function errorOf(text: string) {
  return text.startsWith('{') ? JSON.parse(text) : { errorType: '', errorMessage: text, stackTrace: [] }
}
