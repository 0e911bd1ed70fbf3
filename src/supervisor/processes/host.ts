/** Starts plain processes for plugins, with the same launcher, watchdog and log as workers, and ends them with their plugin. */
import type { Clock } from '../../core/clock.js'
import { ErrorCode, RelayError } from '../../core/errors.js'
import type { Logger } from '../../logging/logger.js'
import type { OutputPacer } from '../../logging/output-pacer.js'
import type { WorkerLine } from '../../logging/worker-lines.js'
import type { Platform } from '../../platform/platform.js'
import type { ChildTools } from '../child-tools.js'
import { workerEnvironment } from '../pool/boot/environment.js'
import { processSettings } from '../pool/boot/process-settings.js'
import type { ServerSettings } from '../pool/process-keys.js'
import { type SpawnOptions, spawnProcess } from '../worker/os/process.js'
import { fifoCounts, fifosOf, openStandardFifos } from '../worker/os/standard-fifos.js'
import { WorkerOutput } from '../worker/output.js'
import type { WorkerId } from '../worker/worker-id.js'
import { checkProcess } from './check.js'
import type { ProcessesService, ProcessOptions, SupervisedProcess } from './processes.js'
import { type ProgramRun, SupervisedProgram } from './supervised-program.js'

/** Options of a host. */
export interface ProcessesHostOptions {
  readonly server: ServerSettings
  readonly children: ChildTools
  readonly cwd: string
  readonly env: Readonly<Record<string, string | undefined>>
  readonly platform: Platform
  readonly clock: Clock
  readonly log: Logger
  readonly writeLine: (line: WorkerLine) => void
  readonly lineBytesMax: () => number
  readonly pacer: OutputPacer
  readonly splitCommand: (text: string) => readonly string[]
}

/** The plain processes of one server. */
export class ProcessesHost {
  readonly #options: ProcessesHostOptions
  readonly #all = new Set<SupervisedProgram>()

  constructor(options: ProcessesHostOptions) {
    this.#options = options
  }

  /** Returns the service for one plugin; what `defer` is handed ends its processes, and refuses later ones. */
  forPlugin(defer: (undo: () => unknown) => void): ProcessesService {
    const own = new Set<SupervisedProgram>()
    let isOver = false
    defer(() => {
      isOver = true
      return Promise.all([...own].map((program) => program.stop()))
    })
    const start = async (options: ProcessOptions): Promise<SupervisedProcess> => {
      if (isOver) throw tooLate(options.name)
      const program = await this.#start(options)
      own.add(program)
      void program.ended.then(() => own.delete(program))
      if (!isOver) return program
      await program.stop()
      throw tooLate(options.name)
    }
    return { start }
  }

  /** SIGKILL to the group of every process, now. */
  kill(): void {
    for (const program of this.#all) program.kill()
  }

  /** Stops every process; resolves when all have ended. */
  async stop(): Promise<void> {
    await Promise.all([...this.#all].map((program) => program.stop()))
  }

  async #start(options: ProcessOptions): Promise<SupervisedProgram> {
    checkProcess(options)
    const spawn = this.#spawnOptions(options)
    const { clock, log } = this.#options
    const launch = () => this.#launch(options.name, spawn)
    const program = await SupervisedProgram.start({ ...options, launch, clock, log })
    this.#all.add(program)
    void program.ended.then(() => this.#all.delete(program))
    return program
  }

  #spawnOptions({ name, command, keys = {}, env = {} }: ProcessOptions) {
    const { server, cwd: folder, env: inherited, platform, splitCommand } = this.#options
    const settings = processSettings(name, { kind: 'process', pool: keys, server, folder, env: inherited })
    return {
      words: typeof command === 'string' ? splitCommand(command) : command,
      cwd: settings.cwd,
      settings: settings.launch,
      env: workerEnvironment({
        inherited,
        platform,
        allow: settings.envAllow,
        account: settings.launch.identity?.account,
        addresses: {},
        set: [env],
        fixed: {},
      }),
    }
  }

  async #launch(
    name: string,
    spawn: Pick<SpawnOptions, 'words' | 'cwd' | 'env' | 'settings'>,
  ): Promise<ProgramRun> {
    const { children } = this.#options
    const watchdog = await children.watchdog()
    const paths = await children.fifos.take(fifoCounts.output)
    const fifos = paths && openStandardFifos(paths, 'output', spawn.settings.identity)
    try {
      const { process, stdout, stderr } = spawnProcess({ ...spawn, usesPipes: false, fifos, watchdog })
      const output = this.#output(name, process.id)
      output.read(stderr, 'stderr')
      if (stdout !== undefined) output.read(stdout, 'stdout')
      return { process, output }
    } catch (error) {
      for (const fifo of fifos === undefined ? [] : fifosOf(fifos)) fifo.close()
      throw error
    }
  }

  #output(name: string, id: WorkerId): WorkerOutput {
    const { lineBytesMax, pacer, writeLine } = this.#options
    const write = ({ pool: _, ...line }: WorkerLine) => writeLine({ ...line, process: name })
    return new WorkerOutput({ pool: name, id, lineBytesMax, pacer, writeLine: write })
  }
}

function tooLate(name: string): RelayError {
  return new RelayError(ErrorCode.PluginApi, `process "${name}" was to start after its plugin had stopped`, {
    hint: 'Start processes in set-up or `serve`, and none once its signal has aborted.',
  })
}
