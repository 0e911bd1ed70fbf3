/** `rr bootstrap` as AWS Lambda runs it: another user when we are root, 1,024 descriptors, only /tmp to write to. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import type { TestContext } from 'node:test'
import { rrCommand } from './project.js'

const descriptorsMax = 1024
const nobody = 65534

/** Starts it; killed when the test ends. */
export function spawnAsLambda(
  t: TestContext,
  about: { readonly task: string; readonly api: string; readonly handler: string },
): ChildProcess {
  const isRoot = process.getuid?.() === 0
  const child = spawn(
    '/bin/sh',
    ['-c', `ulimit -n ${descriptorsMax} && exec "$@"`, 'lambda', process.execPath, rrCommand, 'bootstrap'],
    {
      cwd: about.task,
      stdio: ['ignore', 'inherit', 'inherit'],
      env: {
        PATH: process.env.PATH,
        LANG: 'en_US.UTF-8',
        TZ: ':UTC',
        LAMBDA_TASK_ROOT: about.task,
        LAMBDA_RUNTIME_DIR: '/var/runtime',
        AWS_LAMBDA_RUNTIME_API: about.api,
        AWS_LAMBDA_FUNCTION_NAME: 'f',
        AWS_LAMBDA_FUNCTION_VERSION: '$LATEST',
        AWS_LAMBDA_FUNCTION_MEMORY_SIZE: '512',
        AWS_REGION: 'us-east-1',
        AWS_LAMBDA_INITIALIZATION_TYPE: 'on-demand',
        _HANDLER: about.handler,
      },
      ...(isRoot ? { uid: nobody, gid: nobody } : {}),
    },
  )
  t.after(async () => {
    if (child.exitCode !== null || child.signalCode !== null) return
    child.kill('SIGKILL')
    await once(child, 'exit')
  })
  return child
}
