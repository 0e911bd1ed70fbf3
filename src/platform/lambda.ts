/** The platform of `rr bootstrap`: an execution environment of AWS Lambda. Pure. */
import type { LogShape } from '../logging/shape.js'
import { levelOf } from '../logging/worker-lines.js'
import { lambdaGrant } from './lambda-grant.js'
import { telemetryFd, telemetryFrame } from './lambda-telemetry.js'
import type { Platform } from './platform.js'

type Variables = Readonly<Record<string, string | undefined>>

const stdoutFd = 1
// CloudWatch's collector cuts a line at 256 KB.
const lineBytesMax = 250_000
// Lambda kills us 300 to 500 ms after SIGTERM; the whole takes 250 ms, and workers have 150 of them.
const stopBudget = { killMs: 150, endMs: 240 } as const
// The init phase ends after 10 s.
const slowBootMs = 9000

/** The platform as Lambda describes it in the variables of the environment. */
export function lambdaPlatform(env: Variables): Platform {
  const memoryMb = Number(env.AWS_LAMBDA_FUNCTION_MEMORY_SIZE ?? 0)
  return {
    log: logShape(env),
    grant: memoryMb > 0 ? lambdaGrant(memoryMb) : undefined,
    // The AWS SDKs, the loaders of handlers, and the libraries of layers need theirs.
    sharedVariables: ['AWS_*', 'LAMBDA_*', '_HANDLER', '_X_AMZN_TRACE_ID', 'LD_LIBRARY_PATH'],
    // It is for the runtime and not for its children: a worker that wrote there would corrupt the log stream.
    ownVariables: ['_LAMBDA_TELEMETRY_LOG_FD'],
    watchdogCount: 1,
    // A snapshot must hold everything.
    opensLate: env.AWS_LAMBDA_INITIALIZATION_TYPE !== 'snap-start',
    stopBudget,
    slowBootMs,
  }
}

function logShape(env: Variables): LogShape {
  // Managed Instances take JSON alone: with several events at once a line belongs to none without its request id.
  const isManaged = env.AWS_LAMBDA_INITIALIZATION_TYPE === 'lambda-managed-instances'
  const isJson = isManaged || env.AWS_LAMBDA_LOG_FORMAT?.toUpperCase() === 'JSON'
  const frameFd = telemetryFd(env)
  return {
    descriptor: frameFd ?? stdoutFd,
    isAlwaysJson: isManaged,
    levelMin: levelOf(env.AWS_LAMBDA_LOG_LEVEL),
    timeKey: isJson ? 'timestamp' : 'time',
    hasUpperLevels: isJson,
    lineBytesMax,
    frame: frameFd === undefined ? undefined : (content) => telemetryFrame(content, isJson && content.isJson),
    isLoadedLate: true,
  }
}
