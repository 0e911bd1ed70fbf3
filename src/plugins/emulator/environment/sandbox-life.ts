/** Starts the processes of an environment with the variables of Lambda, and ends them within the time that Lambda gives them. */
import { randomUUID } from 'node:crypto'
import type { Clock } from '../../../index.js'
import type { Extensions, ShutdownReason } from '../function/extensions.js'
import type { ExecutionEnvironmentOptions } from './environment-options.js'
import type { Exit } from './exit.js'
import { Sandbox } from './sandbox.js'
import { defaultBudgets, type ShutdownBudgets, shutdownPlan } from './shutdown-plan.js'
import { type InitializationType, lambdaVariables } from './variables.js'

const sandboxDescriptorsMax = 1024

/** Values of one start, and callbacks. */
export interface SandboxStart {
  /** `host:port` of the Runtime API. */
  readonly runtimeApi: string
  readonly initialization: InitializationType
  readonly extraVariables: Readonly<Record<string, string>>
  /** Called when the runtime has ended by itself. */
  readonly onExit: (exit: Exit) => void
  /** Called when an extension has ended by itself. */
  readonly onExtensionExit: (name: string) => void
}

/** Starts the processes. */
export function startSandbox(options: ExecutionEnvironmentOptions, start: SandboxStart): Sandbox {
  const { functionName, handler, memoryMb, concurrency, cwd, variables } = options
  const { runtimeApi, initialization, extraVariables, onExit, onExtensionExit } = start
  const logStream = `local/[$LATEST]${randomUUID().replaceAll('-', '')}`
  const facts = {
    functionName,
    handler,
    memoryMb,
    taskRoot: cwd,
    runtimeApi,
    initialization,
    concurrency,
    logStream,
  }
  return new Sandbox({
    ...options,
    variables: { ...lambdaVariables(facts, variables), ...extraVariables },
    extensions: options.extensions ?? [],
    mark: `AWS_LAMBDA_LOG_STREAM_NAME=${logStream}`,
    descriptorsMax: sandboxDescriptorsMax,
    user: options.user,
    onExit,
    onExtensionExit,
  })
}

/** Options of an end. */
export interface SandboxEnd {
  readonly reason: ShutdownReason
  /** True: SIGKILL at once. */
  readonly isAtOnce: boolean
  readonly extensions: Extensions
  readonly clock: Clock
  readonly budgets: Partial<ShutdownBudgets> | undefined
}

/** Ends the processes; resolves with the end of the runtime, undefined when there is no sandbox. */
export async function endSandbox(sandbox: Sandbox | undefined, end: SandboxEnd): Promise<Exit | undefined> {
  const { reason, isAtOnce, extensions, clock, budgets } = end
  const plan = shutdownPlan(reason, extensions.kind, { ...defaultBudgets, ...budgets })
  const tellExtensions = () =>
    extensions.deliver({
      eventType: 'SHUTDOWN',
      deadlineMs: clock.nowMs() + plan.extensionsMs,
      shutdownReason: reason,
    })
  if (isAtOnce) await sandbox?.kill()
  else await sandbox?.end(plan, tellExtensions)
  return sandbox?.exited
}
