/** The services of one server by name: created by the file and over RPC, restarted and terminated. One change at a time. */
import type { ProcessesService, SupervisedProcess } from '../../index.js'
import type { ServiceConfig } from './section.js'

interface Service {
  readonly config: ServiceConfig
  readonly processes: readonly SupervisedProcess[]
}

const servicesMax = 1000
const restartSecondsDefault = 30
const stopSecondsDefault = 5

/** The services. */
export class Services {
  readonly #processes: ProcessesService
  readonly #byName = new Map<string, Service>()
  /** The change that runs; the next begins at its end. */
  #turn: Promise<unknown> = Promise.resolve()

  constructor(processes: ProcessesService) {
    this.#processes = processes
  }

  /** Names in the order of their creation. */
  names(): readonly string[] {
    return [...this.#byName.keys()]
  }

  /** The processes of a service. Throws with RoadRunner's text for one that is not there. */
  find(name: string): Service {
    const service = this.#byName.get(name)
    if (service === undefined) throw new Error(`the service with ${name} name doesn't exist`)
    return service
  }

  /** Starts all processes of a service, or none: rejects when one cannot be started, or the name is taken. */
  create(name: string, config: ServiceConfig): Promise<void> {
    return this.#inTurn(async () => {
      if (this.#byName.has(name)) throw new Error(`the service with ${name} name already exists`)
      if (this.#byName.size >= servicesMax) throw new Error(`there are ${servicesMax} services already`)
      this.#byName.set(name, { config, processes: await this.#start(name, config) })
    })
  }

  /** Stops a service and forgets it. */
  terminate(name: string): Promise<void> {
    return this.#inTurn(async () => {
      const { processes } = this.find(name)
      await stopAll(processes)
      this.#byName.delete(name)
    })
  }

  /** Stops a service and starts it again. */
  restart(name: string): Promise<void> {
    return this.#inTurn(async () => {
      const { config, processes } = this.find(name)
      await stopAll(processes)
      this.#byName.delete(name)
      this.#byName.set(name, { config, processes: await this.#start(name, config) })
    })
  }

  async #start(name: string, config: ServiceConfig): Promise<readonly SupervisedProcess[]> {
    const started: SupervisedProcess[] = []
    try {
      for (let count = Math.max(1, config.process_num); count > 0; count -= 1)
        started.push(await this.#processes.start(optionsOf(name, config)))
      return started
    } catch (error) {
      await stopAll(started)
      throw error
    }
  }

  #inTurn<T>(act: () => Promise<T>): Promise<T> {
    const turn = this.#turn.then(act)
    this.#turn = turn.catch(() => undefined)
    return turn
  }
}

function optionsOf(name: string, config: ServiceConfig): Parameters<ProcessesService['start']>[0] {
  const { command, user, exec_timeout: runMsMax } = config
  return {
    name,
    command,
    env: bothSpellings(config.env),
    ...(user === undefined || user === '' ? {} : { keys: { user } }),
    restart: config.remain_after_exit ? 'always' : 'never',
    restartMs: (config.restart_sec || restartSecondsDefault) * 1000,
    stopMsMax: (config.timeout_stop_sec || stopSecondsDefault) * 1000,
    stopSignal: 'SIGINT',
    ...(runMsMax === 0 ? {} : { runMsMax }),
  }
}

/** RoadRunner knows names in upper case only; a name as it was written wins over another one's. */
function bothSpellings(env: Readonly<Record<string, string>>): Record<string, string> {
  const upper = Object.fromEntries(Object.entries(env).map(([name, value]) => [name.toUpperCase(), value]))
  return { ...upper, ...env }
}

async function stopAll(processes: readonly SupervisedProcess[]): Promise<void> {
  await Promise.all(processes.map((one) => one.stop()))
}
