/** An execution environment of our emulator around a real process, its log and its output at hand. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { systemClock } from '../../src/core/clock.js'
import type { LogFields, Logger } from '../../src/logging/logger.js'
import type { ExecutionEnvironmentOptions } from '../../src/plugins/emulator/environment/environment-options.js'
import { ExecutionEnvironment } from '../../src/plugins/emulator/environment/execution-environment.js'
import { rrCommand } from './project.js'
import { testFolder } from './rr.js'

/** One line of the environment's own log. */
interface EnvironmentLine extends LogFields {
  readonly message: string
}

/** A running environment. */
export interface TestEnvironment {
  readonly environment: ExecutionEnvironment
  readonly folder: string
  /** Everything that the processes wrote. */
  output(): string
  /** Resolves with the first line of the log with this message that comes after `after` others of it; those of before count. */
  logged(message: string, after?: number): Promise<EnvironmentLine>
  /** Invokes with an event and resolves with the result as text; an error's type stands in front. */
  invoke(event: unknown): Promise<string>
}

/** Starts it in a folder with these files; `rr bootstrap` unless a command is given. Closed when the test ends. */
export async function startEnvironment(
  t: TestContext,
  options: Partial<ExecutionEnvironmentOptions> & {
    readonly config?: string
    readonly files?: Readonly<Record<string, string>>
    readonly folder?: string
  } = {},
): Promise<TestEnvironment> {
  const { config, files = {}, ...changes } = options
  const folder = options.folder ?? (await testFolder(t))
  const all = config === undefined ? files : { ...files, 'rr.yaml': config }
  for (const [name, text] of Object.entries(all)) await writeFile(join(folder, name), text)
  const log = new LineLog()
  let output = ''
  const environment = new ExecutionEnvironment({
    command: [process.execPath, rrCommand, 'bootstrap'],
    cwd: folder,
    variables: { PATH: process.env.PATH },
    address: '127.0.0.1:0',
    functionName: 'f',
    handler: '',
    memoryMb: 512,
    timeoutMs: 60_000,
    initMsMax: 60_000,
    freezes: true,
    clock: systemClock,
    log,
    onOutput: (bytes) => {
      output += bytes.toString('utf8')
    },
    ...changes,
  })
  t.after(() => environment.close())
  await environment.start()
  return {
    environment,
    folder,
    output: () => output,
    logged: (message, after = 0) => log.line(message, after),
    invoke: async (event) => {
      const result = await environment.invoke(Buffer.from(JSON.stringify(event)))
      return `${result.kind === 'error' ? `${result.type} ` : ''}${result.body}`
    },
  }
}

/** True when every process of a list is stopped, as SIGSTOP leaves it. */
export function areStopped(pids: readonly number[]): boolean {
  return pids.every((pid) => /^State:\s+T/m.test(readFileSync(`/proc/${pid}/status`, 'utf8')))
}

/** Time that has to be real: a process that takes it. */
export async function realSeconds(seconds: number): Promise<void> {
  await once(spawn('sleep', [String(seconds)]), 'exit')
}

class LineLog implements Logger {
  readonly #lines: EnvironmentLine[] = []
  #waiting: (() => void)[] = []

  debug(fields: LogFields, message: string): void {
    this.#add(fields, message)
  }
  info(fields: LogFields, message: string): void {
    this.#add(fields, message)
  }
  warn(fields: LogFields, message: string): void {
    this.#add(fields, message)
  }
  error(fields: LogFields, message: string): void {
    this.#add(fields, message)
  }
  writeError(fields: LogFields, message: string): Promise<boolean> {
    this.#add(fields, message)
    return Promise.resolve(true)
  }
  named(): Logger {
    return this
  }
  isEnabled(): boolean {
    return true
  }

  async line(message: string, after: number): Promise<EnvironmentLine> {
    for (;;) {
      const found = this.#lines.filter((line) => line.message === message)[after]
      if (found !== undefined) return found
      await new Promise<void>((resolve) => this.#waiting.push(resolve))
    }
  }

  #add(fields: LogFields, message: string): void {
    this.#lines.push({ ...fields, message })
    for (const wake of this.#waiting.splice(0)) wake()
  }
}
