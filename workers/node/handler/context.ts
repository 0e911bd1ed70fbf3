/** The `context` of ordinary handlers, with AWS's keys. */
import type { JobContext } from '../context.js'

// Lambda's own limit. Libraries set timers by it, and a timer of Infinity fires at once.
const longestMs = 900_000

/** Part of the context that does not depend on how the handler answers. */
export function lambdaContext(job: JobContext): object {
  return {
    functionVersion: job.functionVersion ?? undefined,
    functionName: job.functionName ?? undefined,
    memoryLimitInMB: job.memoryLimitInMB === null ? undefined : String(job.memoryLimitInMB),
    logGroupName: process.env.AWS_LAMBDA_LOG_GROUP_NAME,
    logStreamName: process.env.AWS_LAMBDA_LOG_STREAM_NAME,
    clientContext: job.clientContext ?? undefined,
    identity: job.identity ?? undefined,
    invokedFunctionArn: job.invokedFunctionArn ?? undefined,
    awsRequestId: job.awsRequestId,
    tenantId: job.tenantId ?? undefined,
    getRemainingTimeInMillis: () => {
      const leftMs = job.remainingMs()
      return Number.isFinite(leftMs) ? leftMs : longestMs
    },
  }
}
