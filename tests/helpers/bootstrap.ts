/** `rr bootstrap` as Lambda starts it. */
import type { TestContext } from 'node:test'
import { type RrOptions, type RunningRr, startRr, testFolder } from './rr.js'
import type { TestApi } from './runtime-api.js'

/** `rr bootstrap` under a Runtime API of ours, with Lambda's environment. */
export async function startBootstrap(
  t: TestContext,
  api: Pick<TestApi, 'address'>,
  options: RrOptions & { handler?: string },
): Promise<RunningRr> {
  const folder = options.folder ?? (await testFolder(t))
  return startRr(t, ['bootstrap'], {
    ...options,
    folder,
    env: {
      AWS_LAMBDA_RUNTIME_API: api.address,
      AWS_LAMBDA_FUNCTION_NAME: 'f',
      AWS_LAMBDA_FUNCTION_VERSION: '$LATEST',
      AWS_LAMBDA_FUNCTION_MEMORY_SIZE: '1769',
      AWS_REGION: 'us-east-1',
      LAMBDA_TASK_ROOT: folder,
      _HANDLER: options.handler ?? '',
      ...options.env,
    },
  })
}
