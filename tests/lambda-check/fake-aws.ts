/** A tiny AWS: the answers of Lambda and SQS that `rr lambda check --function` asks for, over HTTP on a free port. */
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { TestContext } from 'node:test'

/** Answers by operation; a status other than 200 is a refusal. */
export type Answers = Readonly<Record<string, Answer | ((body: Readonly<Record<string, unknown>>) => Answer)>>

/** One answer. */
interface Answer {
  readonly status?: number
  readonly type?: string
  readonly body: unknown
}

/** A running fake. */
export interface FakeAws {
  readonly url: string
  /** The operations that were asked for, in order. */
  readonly asked: readonly string[]
}

/** Starts it; it goes with the test. */
export async function startFakeAws(t: TestContext, answers: Answers): Promise<FakeAws> {
  const asked: string[] = []
  const server = createServer(async (request, response) => {
    let text = ''
    for await (const chunk of request) text += String(chunk)
    const operation = operationOf(request.url ?? '', String(request.headers['x-amz-target'] ?? ''))
    asked.push(operation)
    const found = answers[operation] ?? { status: 404, type: 'ResourceNotFoundException', body: {} }
    const { status = 200, type, body } = typeof found === 'function' ? found(JSON.parse(text || '{}')) : found
    response.writeHead(status, {
      'content-type': 'application/json',
      ...(type === undefined ? {} : { 'x-amzn-errortype': type }),
    })
    response.end(JSON.stringify(body))
  })
  server.listen(0, '127.0.0.1')
  t.after(() => server.close())
  await once(server, 'listening')
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, asked }
}

function operationOf(path: string, target: string): string {
  if (target !== '') return target.split('.').at(-1) ?? ''
  if (path.includes('/event-source-mappings')) return path.includes('Marker=') ? 'NextMappings' : 'Mappings'
  return path.includes('/concurrency') ? 'Concurrency' : 'Configuration'
}
