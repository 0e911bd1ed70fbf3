/** Rules about memory and processors: do the workers fit. Pure. */
import { lambdaGrant } from '../../platform/lambda-grant.js'
import { autoSize } from '../../supervisor/machine/auto-size.js'
import { setFunction, setWorkers } from '../fixes.js'
import { type Finding, type FunctionSetup, isWritten } from '../setup.js'

/** The numbers of `num_workers: auto`. */
const serverMb = 150
const workerMb = 64
const mbPerCpu = 1769
const memoryRange = { min: 128, max: 10_240 } as const

/** Returns the number of workers; undefined when it depends on an unknown memory size. */
export function workerCount({ workers, memoryMb }: FunctionSetup): number | undefined {
  if (workers.count.value !== 'auto') return workers.count.value
  if (memoryMb === undefined) return undefined
  return autoSize(lambdaGrant(memoryMb.value))
}

/** Checks the memory size against AWS's limits. */
export function memorySize(setup: FunctionSetup): Finding[] {
  const memory = setup.memoryMb
  const { min, max } = memoryRange
  if (memory === undefined || (memory.value >= min && memory.value <= max)) return []
  const reason = `the function's memory is ${memory.value} MB, AWS allows ${min} to ${max}`
  const fix = setFunction(setup, 'memory', Math.max(min, Math.min(max, memory.value)))
  return [{ rule: 'memory-range', severity: 'error', at: memory.at, reason, fix }]
}

/** The server and its workers, by estimate. */
export function workersMemory(setup: FunctionSetup): Finding[] {
  const memory = setup.memoryMb
  const count = workerCount(setup)
  if (memory === undefined || count === undefined) return []
  const neededMb = serverMb + count * workerMb
  if (neededMb <= memory.value) return []
  const size = `${memory.value} MB${isWritten(memory) ? '' : ' (the default)'}`
  const workers = count === 1 ? 'one worker needs' : `${count} workers need`
  const reason = `${workers} about ${neededMb} MB (${workerMb} MB each, and ${serverMb} MB for the server), the function has ${size}: near its limit it slows down until it times out`
  const fitting = Math.floor((memory.value - serverMb) / workerMb)
  const more = setFunction(setup, 'memory', Math.min(memoryRange.max, neededMb))
  const fix =
    fitting < 1 ? more : `${more}, or ${setWorkers(`${setup.workers.poolKey}.num_workers`, fitting)}`
  return [{ rule: 'workers-memory', severity: 'warning', at: memory.at, reason, fix }]
}

/** Workers that compute share the processors; `auto` knows that. */
export function workersCpu(setup: FunctionSetup): Finding[] {
  const memory = setup.memoryMb
  const { count } = setup.workers
  if (memory === undefined || count.value === 'auto') return []
  const cpus = memory.value / mbPerCpu
  const whole = Math.max(1, Math.ceil(cpus))
  if (count.value <= whole) return []
  const reason = `num_workers is ${count.value}, and ${memory.value} MB give ${Number(cpus.toFixed(2))} vCPU (${mbPerCpu} MB each): fine for jobs that mostly wait, while jobs that compute slow each other down`
  const wanted = count.value * mbPerCpu
  const less = setWorkers(`${setup.workers.poolKey}.num_workers`, whole)
  const fix =
    wanted > memoryRange.max
      ? `for jobs that compute, ${less}`
      : `for jobs that compute, ${less}, or ${setFunction(setup, 'memory', wanted)}`
  return [{ rule: 'workers-cpu', severity: 'note', at: count.at ?? memory.at, reason, fix }]
}
