/** Rules about time limits: an inner limit must end before the outer one. Pure. */
import { seconds, setFunction, setWorkers } from '../fixes.js'
import { type Finding, type FunctionSetup, isWritten, type MappingSetup } from '../setup.js'
import { workerCount } from './memory.js'

const timeoutMax = 900

/** Checks the timeout against AWS's limits. */
export function timeoutRange(setup: FunctionSetup): Finding[] {
  const timeout = setup.timeoutSeconds
  if (timeout === undefined || (timeout.value >= 1 && timeout.value <= timeoutMax)) return []
  const reason = `the function's timeout is ${timeout.value} s, AWS allows 1 to ${timeoutMax}`
  const fix = setFunction(setup, 'timeout', Math.max(1, Math.min(timeoutMax, timeout.value)))
  return [{ rule: 'timeout-range', severity: 'error', at: timeout.at, reason, fix }]
}

/** Checks for a timeout that was not set: the default of three seconds is too short for a batch. */
export function timeoutDefault(setup: FunctionSetup): Finding[] {
  const timeout = setup.timeoutSeconds
  if (timeout?.isDefault !== true || setup.mappings.length === 0) return []
  const reason = `the function has no timeout of its own: a whole batch has ${timeout.value} s, the default`
  const fix = setFunction(setup, 'timeout', 30)
  return [{ rule: 'timeout-default', severity: 'note', at: timeout.at, reason, fix }]
}

/** Checks whether API Gateway's limit ends before the function's timeout. */
export function gatewayTimeout(setup: FunctionSetup): Finding[] {
  const timeout = setup.timeoutSeconds
  if (timeout === undefined) return []
  return setup.gateways
    .filter(({ limitSeconds }) => timeout.value > limitSeconds)
    .map(({ name, at, limitSeconds }) => {
      const reason = `the function's timeout is ${seconds(setup)}, API Gateway (${name}) answers 504 after ${limitSeconds} s while the function runs on`
      const fix = `${setFunction(setup, 'timeout', Math.floor(limitSeconds))}, or use a function URL`
      return { rule: 'gateway-timeout', severity: 'warning', at: timeout.at ?? at, reason, fix }
    })
}

/** Checks whether `exec_ttl` is longer than the function's time. */
export function execTtl(setup: FunctionSetup): Finding[] {
  const [timeout, ttl] = [setup.timeoutSeconds, setup.workers.execTtlMs]
  if (timeout === undefined || ttl.value === 0) return []
  const leftMs = timeout.value * 1000 - marginInForce(setup.workers.marginMs.value, timeout.value * 1000)
  if (ttl.value < leftMs) return []
  const reason = `exec_ttl is ${ttl.value / 1000} s, and the function has ${leftMs / 1000} s (timeout ${seconds(setup)}, less the margin): a job that hangs fails its whole batch`
  const half = Math.max(1, Math.floor(timeout.value / 2))
  const fix = `${setWorkers(`${setup.workers.poolKey}.supervisor.exec_ttl`, `${half}s`)}, or ${setFunction(setup, 'timeout', Math.min(timeoutMax, Math.ceil((2 * ttl.value) / 1000)))}`
  return [{ rule: 'exec-ttl', severity: 'warning', at: ttl.at ?? timeout.at, reason, fix }]
}

/** Checks whether the wait for a worker is longer than the timeout; the default may be, as the deadline ends it. */
export function allocateTimeout(setup: FunctionSetup): Finding[] {
  const [timeout, wait] = [setup.timeoutSeconds, setup.workers.allocateTimeoutMs]
  if (timeout === undefined || !isWritten(wait) || wait.value < timeout.value * 1000) return []
  const reason = `allocate_timeout is ${wait.value / 1000} s, not under the function's timeout of ${seconds(setup)}: the deadline always ends the wait for a worker first`
  const below = Math.max(1, Math.floor(timeout.value / 2))
  const fix = setWorkers(`${setup.workers.poolKey}.allocate_timeout`, `${below}s`)
  return [{ rule: 'allocate-timeout', severity: 'warning', at: wait.at, reason, fix }]
}

/**
 * Checks the margin: without one Lambda kills the environment at the timeout, and one above a tenth of the time is reduced.
 */
export function deadlineMargin(setup: FunctionSetup): Finding[] {
  const [timeout, margin] = [setup.timeoutSeconds, setup.workers.marginMs]
  if (margin.value === 0) {
    const reason =
      'deadline_margin is 0 s: at the timeout Lambda kills the environment, the answers of finished records are lost, and they are delivered again'
    const fix = setWorkers('lambda.deadline_margin', '1s')
    return [{ rule: 'deadline-margin', severity: 'warning', at: margin.at, reason, fix }]
  }
  if (timeout === undefined || !isWritten(margin)) return []
  const inForceMs = marginInForce(margin.value, timeout.value * 1000)
  if (inForceMs >= margin.value) return []
  const reason = `deadline_margin is ${margin.value / 1000} s, of which ${inForceMs / 1000} s apply: never more than a tenth of the time left (timeout ${seconds(setup)})`
  const needed = Math.ceil(margin.value / 100)
  const fix =
    needed <= timeoutMax
      ? `${setFunction(setup, 'timeout', needed)}, or ${setWorkers('lambda.deadline_margin', `${inForceMs}ms`)}`
      : setWorkers('lambda.deadline_margin', `${inForceMs}ms`)
  return [{ rule: 'deadline-margin', severity: 'note', at: margin.at, reason, fix }]
}

/** Checks that a whole batch fits into the timeout when every job takes as long as it may. */
export function worstCase(mapping: MappingSetup, setup: FunctionSetup): Finding[] {
  const [timeout, size, ttl] = [setup.timeoutSeconds, mapping.batchSize, setup.workers.execTtlMs]
  const workers = workerCount(setup)
  if (timeout === undefined || size === undefined || workers === undefined) return []
  if (ttl.value === 0 || setup.workers.mode !== 'raw') return []
  const turns = Math.ceil(size.value / workers)
  const worstSeconds = (turns * ttl.value) / 1000
  if (turns <= 1 || worstSeconds <= timeout.value) return []
  const reason = `at worst a batch of ${mapping.name} takes ${turns} turns (${size.value} records, ${workers} workers) × exec_ttl ${ttl.value / 1000} s = ${worstSeconds} s, more than the timeout of ${seconds(setup)}: the last records fail without running`
  const fix = `lower exec_ttl or the batch size, add workers, or ${setFunction(setup, 'timeout', Math.min(timeoutMax, Math.ceil(worstSeconds)))}`
  return [{ rule: 'batch-worst-case', severity: 'note', at: size.at ?? mapping.at, reason, fix }]
}

/** Computes the margin as the plugin `lambda` does: the smaller of the setting and a tenth of the time, at least 50 ms; 0 is none. */
function marginInForce(settingMs: number, leftMs: number): number {
  return settingMs === 0 ? 0 : Math.max(50, Math.min(settingMs, leftMs / 10))
}
