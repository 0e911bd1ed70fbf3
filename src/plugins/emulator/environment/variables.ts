/** The environment variables of a function's processes, as AWS sets them. Pure. */

/** Kind of the environment's start. */
export type InitializationType =
  | 'on-demand'
  | 'provisioned-concurrency'
  | 'snap-start'
  | 'lambda-managed-instances'

/** Values from which the variables are made. */
export interface VariableFacts {
  readonly functionName: string
  readonly handler: string
  readonly memoryMb: number
  readonly taskRoot: string
  readonly runtimeApi: string
  readonly initialization: InitializationType
  /** Managed Instances. */
  readonly concurrency: number | undefined
  /** Name of the log stream, unique to each environment. */
  readonly logStream: string
}

type Variables = Readonly<Record<string, string | undefined>>

/** Makes the variables; `own` are the function's, over which AWS's reserved ones win. */
export function lambdaVariables(facts: VariableFacts, own: Variables): Record<string, string> {
  const isManaged = facts.concurrency !== undefined
  const all: Variables = {
    LANG: 'en_US.UTF-8',
    TZ: ':UTC',
    PATH: '/usr/local/bin:/usr/bin/:/bin:/opt/bin',
    AWS_XRAY_CONTEXT_MISSING: 'LOG_ERROR',
    AWS_LAMBDA_LOG_FORMAT: 'Text',
    AWS_REGION: 'us-east-1',
    ...own,
    ...(isManaged ? { AWS_LAMBDA_LOG_FORMAT: 'JSON' } : {}),
    AWS_DEFAULT_REGION: own.AWS_REGION ?? 'us-east-1',
    AWS_LAMBDA_FUNCTION_NAME: facts.functionName,
    AWS_LAMBDA_FUNCTION_VERSION: '$LATEST',
    AWS_LAMBDA_FUNCTION_MEMORY_SIZE: String(facts.memoryMb),
    AWS_LAMBDA_INITIALIZATION_TYPE: facts.initialization,
    AWS_LAMBDA_LOG_GROUP_NAME: `/aws/lambda/${facts.functionName}`,
    AWS_LAMBDA_LOG_STREAM_NAME: facts.logStream,
    AWS_LAMBDA_RUNTIME_API: facts.runtimeApi,
    AWS_LAMBDA_MAX_CONCURRENCY: isManaged ? String(facts.concurrency) : undefined,
    LAMBDA_TASK_ROOT: facts.taskRoot,
    LAMBDA_RUNTIME_DIR: '/var/runtime',
    _HANDLER: facts.handler,
    // OS-only runtimes have neither of these from the platform.
    AWS_EXECUTION_ENV: undefined,
    _X_AMZN_TRACE_ID: undefined,
    _LAMBDA_TELEMETRY_LOG_FD: undefined,
  }
  return Object.fromEntries(
    Object.entries(all).filter((entry): entry is [string, string] => entry[1] !== undefined),
  )
}

/** Returns the variables of an extension: those whose names do not begin with `_`. */
export function extensionVariables(variables: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(variables).filter(([name]) => !name.startsWith('_')))
}
