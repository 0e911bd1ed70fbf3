/** The procedures `service.*`, with RoadRunner's messages and texts of errors. */
import { procedure, protoMessage, type RpcService, type SupervisedProcess } from '../../index.js'
import { cpuPercent } from './cpu.js'
import type { Services } from './services.js'

const create = protoMessage({
  name: [1, 'string'],
  command: [2, 'string'],
  process_num: [3, 'int'],
  exec_timeout: [4, 'int'],
  remain_after_exit: [5, 'bool'],
  env: [6, { map: 'string' }],
  restart_sec: [7, 'int'],
  service_name_in_logs: [8, 'bool'],
  timeout_stop_sec: [9, 'int'],
})
const named = protoMessage({ name: [1, 'string'] })
const response = protoMessage({ message: [1, 'string'], ok: [2, 'bool'] })
const status = protoMessage({
  cpu_percent: [1, 'float'],
  pid: [2, 'int'],
  memory_usage: [3, 'int'],
  command: [4, 'string'],
  status: [5, protoMessage({ code: [1, 'int'], message: [2, 'string'] })],
})
const statuses = protoMessage({ status: [1, [status]] })
const list = protoMessage({ services: [1, ['string']] })

const text = { type: 'string', default: '' } as const
const whole = { type: 'integer', minimum: 0, default: 0 } as const
const flag = { type: 'boolean', default: false } as const
const namedInput = { type: 'object', properties: { name: text } } as const
const createInput = {
  type: 'object',
  properties: {
    name: text,
    command: text,
    process_num: whole,
    exec_timeout: whole,
    remain_after_exit: flag,
    env: { type: 'map', values: { type: 'string' } },
    restart_sec: whole,
    service_name_in_logs: flag,
    timeout_stop_sec: whole,
  },
} as const

const processesMax = 1000

/** The procedures by name. */
export function serviceProcedures(services: Services): Parameters<RpcService['register']>[1] {
  const changing = (act: (name: string) => Promise<void>) =>
    procedure({
      input: namedInput,
      request: named,
      reply: response,
      audited: true,
      call: async ({ name }) => {
        await act(name)
        return { message: '', ok: true }
      },
    })
  const states = (name: string) => {
    const { config, processes } = services.find(name)
    return Promise.all(processes.map((one) => stateOf(one, config.command)))
  }
  return {
    Create: procedure({
      input: createInput,
      request: create,
      reply: response,
      audited: true,
      call: async ({ name, process_num, exec_timeout, service_name_in_logs, env, ...more }) => {
        if (name === '') throw new Error('the service should have a name')
        if (process_num <= 0) throw new Error(`the service with ${name} name should have at least 1 process`)
        if (process_num > processesMax)
          throw new Error(`the service with ${name} name should have at most ${processesMax} processes`)
        await services.create(name, {
          ...more,
          env: { ...env },
          process_num,
          exec_timeout: exec_timeout * 1000,
          service_name_in_log: service_name_in_logs,
          user: undefined,
        })
        return { message: '', ok: true }
      },
    }),
    Terminate: changing((name) => services.terminate(name)),
    Restart: changing((name) => services.restart(name)),
    Status: procedure({
      input: namedInput,
      request: named,
      reply: status,
      call: async ({ name }) => (await states(name)).at(-1) ?? nothing,
    }),
    Statuses: procedure({
      input: namedInput,
      request: named,
      reply: statuses,
      call: async ({ name }) => ({ status: await states(name) }),
    }),
    List: procedure({
      input: namedInput,
      request: named,
      reply: list,
      call: () => ({ services: [...services.names()] }),
    }),
  }
}

const nothing = { cpu_percent: 0, pid: 0, memory_usage: 0, command: '', status: undefined }

async function stateOf(one: SupervisedProcess, command: string) {
  const { pid } = one
  if (pid === undefined)
    return { ...nothing, command, status: { code: 0, message: `the process is ${one.state}` } }
  const [cpu_percent, memory_usage] = await Promise.all([cpuPercent(pid), one.memoryBytes()])
  return { cpu_percent, pid, memory_usage, command, status: undefined }
}
