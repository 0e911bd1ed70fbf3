/** A Runtime API in a thread of its own that answers every `/next` at once with the same event. */
import { once } from 'node:events'
import { createServer, type Socket } from 'node:net'
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'

/** The running API. */
export interface InstantApi {
  readonly address: string
  /** Answers taken so far. */
  count(): number
  /** Resolves when `count` answers have come. */
  answered(count: number): Promise<void>
  close(): Promise<void>
}

/** Starts it. */
export async function instantApi(event: string): Promise<InstantApi> {
  const shared = new Int32Array(new SharedArrayBuffer(4))
  const worker = new Worker(new URL(import.meta.url), { workerData: { event, shared } })
  const [port] = await once(worker, 'message')
  return {
    address: `127.0.0.1:${port}`,
    count: () => Atomics.load(shared, 0),
    answered: async (count) => {
      while (Atomics.load(shared, 0) < count) await new Promise((resolve) => setTimeout(resolve, 10))
    },
    close: async () => {
      await worker.terminate()
    },
  }
}

const head = [
  'HTTP/1.1 200 OK',
  'Content-Type: application/json',
  'Lambda-Runtime-Deadline-Ms: 4100000000000',
  'Lambda-Runtime-Invoked-Function-Arn: arn:aws:lambda:us-east-1:123456789012:function:f',
  'Lambda-Runtime-Trace-Id: Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700',
].join('\r\n')

/** Requests come whole here: one client, small heads. Bodies of POSTs may come in pieces. */
function serveSocket(socket: Socket, event: string, shared: Int32Array): void {
  let text = ''
  let ids = 0
  socket.setNoDelay(true)
  socket.on('error', () => socket.destroy())
  socket.on('data', (chunk) => {
    text += chunk.toString('latin1')
    for (;;) {
      const headEnd = text.indexOf('\r\n\r\n')
      if (headEnd < 0) return
      const length = Number(/content-length: *(\d+)/i.exec(text.slice(0, headEnd))?.[1] ?? 0)
      if (text.length < headEnd + 4 + length) return
      const isPost = text.startsWith('POST')
      const isExtension = text.slice(0, 80).includes('/extension/')
      text = text.slice(headEnd + 4 + length)
      if (isExtension) socket.write('HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n')
      else if (isPost) {
        Atomics.add(shared, 0, 1)
        socket.write('HTTP/1.1 202 Accepted\r\nContent-Length: 16\r\n\r\n{"status":"OK"}\n')
      } else {
        ids += 1
        const id = `Lambda-Runtime-Aws-Request-Id: ${socket.remotePort}-${ids}`
        socket.write(`${head}\r\n${id}\r\nContent-Length: ${Buffer.byteLength(event)}\r\n\r\n${event}`)
      }
    }
  })
}

if (!isMainThread) {
  const { event, shared }: { event: string; shared: Int32Array } = workerData
  const server = createServer((socket) => serveSocket(socket, event, shared)).listen(0, '127.0.0.1', () => {
    parentPort?.postMessage((server.address() as { port: number }).port)
  })
}
