/** The platform of `rr bootstrap`: an execution environment of AWS Lambda. Pure. */
import type { LogShape } from '../logging/shape.js'
import { levelOf } from '../logging/worker-lines.js'
import { telemetryFd, telemetryFrame } from './lambda-telemetry.js'
import type { Platform } from './platform.js'

type Variables = Readonly<Record<string, string | undefined>>

const stdoutFd = 1
// CloudWatch's collector cuts a line at 256 KB.
const lineBytesMax = 250_000

/** The platform as Lambda describes it in the variables of the environment. */
export function lambdaPlatform(env: Variables): Platform {
  return { log: logShape(env) }
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
