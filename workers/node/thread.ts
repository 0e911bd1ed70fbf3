/**
 * Program of each thread of a pool with `runtime: thread`: gives the user's module its relay, sends its output to the server's
 * log, and serves it. `process.exit` ends the thread only.
 */
import { getHeapStatistics } from 'node:v8'
import { OutputSender } from '../../src/ipc/relays/thread-output.js'
import { offerThreadStream, portStream, type ThreadStart } from '../../src/ipc/relays/thread-relay.js'
import { serveModule } from './serve-module.js'

/** Serves for the thread's whole life: never resolves. */
export default async function run({ port, program, facts, unread }: ThreadStart): Promise<void> {
  const measure = () => {
    const { total_heap_size, external_memory, malloced_memory } = getHeapStatistics()
    facts[0] = total_heap_size + external_memory + malloced_memory
  }
  process.once('exit', () => {
    facts[1] = 1
  })
  const sender = new OutputSender(port, unread)
  printTo(sender, 'stdout')
  printTo(sender, 'stderr')
  offerThreadStream(portStream(port, { onWrite: measure }))
  process.argv[1] = program
  try {
    await serveModule(program)
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`)
    process.exit(1)
  }
  await new Promise(() => undefined)
}

/** Sends `console` and everything else written to this stream to the server's log. */
function printTo(sender: OutputSender, output: 'stdout' | 'stderr'): void {
  const write = (chunk: Uint8Array | string, encoding?: unknown, done?: unknown): boolean => {
    const text = typeof encoding === 'string' && Buffer.isEncoding(encoding) ? encoding : 'utf8'
    const bytes = typeof chunk === 'string' ? Buffer.from(chunk, text) : chunk
    sender.send(output, bytes)
    const callback = typeof encoding === 'function' ? encoding : done
    if (typeof callback === 'function') process.nextTick(() => callback())
    return true
  }
  Object.defineProperty(process[output], 'write', { value: write, writable: true, configurable: true })
}
