/** A real SQS server for tests, behind a door that gives its queues URLs of this machine and can hold requests back. */
import { once } from 'node:events'
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http'
import type { TestContext } from 'node:test'
import { type FauxqsServer, startFauxqs } from 'fauxqs'

/** A message as it lies in a queue. */
interface Stored {
  readonly body: string
  readonly attributes: Readonly<Record<string, string>>
  readonly group: string | undefined
  readonly deduplicationId: string | undefined
}

/** The running server. */
export interface TestSqs {
  /** Makes a queue; FIFO by its name. Returns its URL. */
  createQueue(name: string): string
  /** The URL of a queue that there may be or not. */
  urlOf(name: string): string
  /** Messages of a queue, oldest first. */
  messagesIn(name: string): readonly Stored[]
  /** Resolves with the first request. */
  readonly asked: Promise<void>
}

/** Starts it; requests wait for `until`. Stopped when the test ends. */
export async function startSqs(t: TestContext, until: Promise<void> = Promise.resolve()): Promise<TestSqs> {
  const server = await startFauxqs({ port: 0, logger: false })
  t.after(() => server.stop())
  let ask!: () => void
  const asked = new Promise<void>((resolve) => {
    ask = resolve
  })
  const door = createServer((incoming, response) => {
    void read(incoming).then(async (body) => {
      ask()
      await until
      pass(server, { incoming, response, body })
    })
  })
  door.listen(0, '127.0.0.1')
  await once(door, 'listening')
  t.after(() => {
    door.closeAllConnections()
    door.close()
  })
  const address = door.address()
  if (typeof address !== 'object' || address === null) throw new Error('the door has no address')
  const urlOf = (name: string) => `http://127.0.0.1:${address.port}/000000000000/${name}`
  return {
    asked,
    urlOf,
    createQueue: (name) => {
      server.createQueue(name, name.endsWith('.fifo') ? { attributes: { FifoQueue: 'true' } } : {})
      return urlOf(name)
    },
    messagesIn: (name) => stored(server, name),
  }
}

async function read(incoming: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of incoming) chunks.push(chunk)
  return Buffer.concat(chunks).toString('utf8')
}

/** The server knows its queues by URLs with a host of its own. */
function pass(
  server: FauxqsServer,
  about: { readonly incoming: IncomingMessage; readonly response: ServerResponse; readonly body: string },
): void {
  const { incoming, response, body } = about
  const theirs = `http://sqs.us-east-1.localhost:${server.port}/`
  const bytes = Buffer.from(body.replace(/http:\/\/127\.0\.0\.1:\d+\//, theirs))
  const { method, url, headers } = incoming
  const outgoing = request(
    {
      host: '127.0.0.1',
      port: server.port,
      method,
      path: url,
      headers: { ...headers, 'content-length': bytes.length },
    },
    (answer) => {
      response.writeHead(answer.statusCode ?? 500, answer.headers)
      answer.pipe(response)
    },
  )
  outgoing.end(bytes)
}

function stored(server: FauxqsServer, name: string): readonly Stored[] {
  return (server.inspectQueue(name)?.messages.ready ?? []).map((message) => ({
    body: message.body,
    attributes: Object.fromEntries(
      Object.entries(message.messageAttributes).map(([key, value]) => [key, value.StringValue ?? '']),
    ),
    group: message.messageGroupId,
    deduplicationId: message.messageDeduplicationId,
  }))
}
