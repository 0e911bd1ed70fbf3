/**
 * Pushes jobs into queues of the server, from within a job or from any program that knows RR_RPC. What does so is loaded with the first
 * push: most workers push nothing.
 */

import type { JobToPush, PushCallOptions, PushOptions } from './jobs-client.js'

/**
 * Pushes a job and returns its id once its queue has taken it. Bytes and texts go as they are, anything else as JSON. Rejects with the
 * server's text and the code RR_RPC_FAILED; with RR_NOT_RUNNING where no server answers at RR_RPC, or it ended meanwhile; with
 * RR_NOT_ANSWERING when it took too long, after which the job may be in the queue all the same.
 */
export async function push(
  pipeline: string,
  body: unknown,
  options: PushOptions & PushCallOptions = {},
): Promise<string> {
  const { callServer, messageOfJob } = await import('./jobs-client.js')
  const job = messageOfJob(pipeline, { ...options, body })
  await callServer('jobs.Push', { job }, options.timeoutMs)
  return job.id
}

/**
 * Pushes jobs in one call, in their order, and returns their ids. Rejects as `push` does, at the first job that its queue refuses: those
 * before it may have been taken.
 */
export async function pushAll(
  pipeline: string,
  jobs: readonly JobToPush[],
  options: PushCallOptions = {},
): Promise<readonly string[]> {
  if (jobs.length === 0) return []
  const { callServer, messageOfJob } = await import('./jobs-client.js')
  const messages = jobs.map((one) => messageOfJob(pipeline, one))
  await callServer('jobs.PushBatch', { jobs: messages }, options.timeoutMs)
  return messages.map(({ id }) => id)
}
