/** Tells Lambda that the initialisation failed, on a connection of its own: the plugin may not run at all. */
import type { Clock, Logger } from '../../../index.js'
import { ErrorType, headerType, lambdaError } from '../errors.js'
import { RuntimeClient } from '../runtime-api/client.js'

/** Options of the report of a failed initialisation. */
export interface InitFaultOptions {
  /** `host:port`, as AWS_LAMBDA_RUNTIME_API says. */
  readonly address: string
  readonly userAgent: string
  readonly clock: Clock
  readonly log: Logger
}

/** Posts `message` as the reason, in Lambda's shape. Never rejects. */
export async function postInitError(message: string, options: InitFaultOptions): Promise<void> {
  const client = new RuntimeClient(options)
  const error = lambdaError(ErrorType.InitFailed, message)
  await client.failInit(JSON.stringify(error), headerType(error))
  client.close()
}
