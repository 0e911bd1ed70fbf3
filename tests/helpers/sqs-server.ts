/** A server that speaks SQS’s protocol, `fauxqs`, its queues, and ours on them. */
import type { TestContext } from 'node:test'
import { startFauxqs } from 'fauxqs'
import { systemClock } from '../../src/core/clock.js'
import { openSqsQueue, type SqsQueue } from '../../src/work/queues/sqs/sqs-queue.js'

/** A running server. */
export interface SqsServer {
  /** Environment by which AWS's clients find it. */
  readonly env: Readonly<Record<string, string>>
  /** Creates a queue and its dead-letter queue; returns the URL of each. */
  createQueue(
    name: string,
    options: { readonly visibilitySeconds: number; readonly receiveMax?: number },
  ): { readonly url: string; readonly deadUrl: string }
  /** Counts the messages of a queue; delayed ones count as visible. */
  where(name: string): { readonly visible: number; readonly inFlight: number }
  /** Ends it, and with it every connection. */
  stop(): Promise<void>
}

/** Starts it on a free port, or on one that is given; it goes with the test. */
export async function startSqsServer(t: Pick<TestContext, 'after'>, port = 0): Promise<SqsServer> {
  const server = await startFauxqs({ port, logger: false })
  let isStopped = false
  const stop = async () => {
    if (isStopped) return
    isStopped = true
    await server.stop()
  }
  t.after(stop)
  return {
    env: {
      AWS_ENDPOINT_URL_SQS: `http://127.0.0.1:${server.port}`,
      AWS_REGION: 'us-east-1',
      AWS_ACCESS_KEY_ID: 'test',
      AWS_SECRET_ACCESS_KEY: 'test',
    },
    createQueue: (name, { visibilitySeconds, receiveMax }) => {
      const fifo: Record<string, string> = name.endsWith('.fifo')
        ? { FifoQueue: 'true', ContentBasedDeduplication: 'true' }
        : {}
      const deadName = name.replace(/(\.fifo)?$/, '-dead$1')
      const dead = server.createQueue(deadName, { attributes: fifo })
      const policy = { deadLetterTargetArn: dead.queueArn, maxReceiveCount: receiveMax }
      const { queueUrl } = server.createQueue(name, {
        attributes: {
          ...fifo,
          VisibilityTimeout: String(visibilitySeconds),
          ...(receiveMax === undefined ? {} : { RedrivePolicy: JSON.stringify(policy) }),
        },
      })
      return { url: queueUrl, deadUrl: dead.queueUrl }
    },
    where: (name) => {
      const { ready = [], delayed = [], inflight = [] } = server.inspectQueue(name)?.messages ?? {}
      return { visible: ready.length + delayed.length, inFlight: inflight.length }
    },
    stop,
  }
}

/** Opens a queue by its URL; it is closed with the test. */
export async function openQueueOf(
  t: TestContext,
  url: string,
  env: Readonly<Record<string, string>> = {},
): Promise<SqsQueue> {
  const queue = await openSqsQueue({ url, env, clock: systemClock, key: 'test', instead: 'nothing' })
  t.after(() => queue.close())
  return queue
}
