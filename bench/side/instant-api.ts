/**
 * The Runtime API of the bench where there is no C compiler: as `native.c api`, in Node. It answers every `/next` at once with the bytes of
 * the file in its argument, and ends with its parent.
 */
import { readFileSync } from 'node:fs'
import { createServer, type Socket } from 'node:net'

const event = readFileSync(process.argv[2] ?? '/dev/stdin')
let [events, answers, errors] = [0, 0, 0]
const seen = new Set<string>()

function stamp(what: string): void {
  if (seen.has(what)) return
  seen.add(what)
  process.stdout.write(`${what} ${Number(process.hrtime.bigint()) / 1e9}\n`)
}

function withBody(head: string, body: Buffer | string): Buffer {
  const bytes = Buffer.from(body)
  return Buffer.concat([
    Buffer.from(`HTTP/1.1 ${head}\r\nContent-Length: ${bytes.length}\r\n\r\n`, 'latin1'),
    bytes,
  ])
}

function nextEvent(): Buffer {
  stamp('next')
  events += 1
  const head = [
    '200 OK',
    'Content-Type: application/json',
    `Lambda-Runtime-Aws-Request-Id: 00000000-0000-4000-8000-${String(events).padStart(12, '0')}`,
    'Lambda-Runtime-Deadline-Ms: 4100000000000',
    'Lambda-Runtime-Invoked-Function-Arn: arn:aws:lambda:us-east-1:123456789012:function:f',
    'Lambda-Runtime-Trace-Id: Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Parent=9a9197af755a6419;Sampled=1',
  ]
  return withBody(head.join('\r\n'), event)
}

/** Answers the request with this first line; undefined: never. */
function answer(line: string): Buffer | undefined {
  if (line.includes('/extension/'))
    return line.startsWith('GET') ? undefined : withBody('200 OK\r\nLambda-Extension-Identifier: bench', '{}')
  if (line.includes('/invocation/next')) return nextEvent()
  if (line.includes('/count')) return withBody('200 OK', `${answers} ${errors}`)
  if (line.includes('/response')) {
    answers += 1
    stamp('answer')
  } else errors += 1
  return withBody('202 Accepted', '{"status":"OK"}\n')
}

function serve(socket: Socket): void {
  let text = ''
  socket.setNoDelay(true)
  socket.on('error', () => socket.destroy())
  socket.on('data', (chunk) => {
    text += chunk.toString('latin1')
    for (let end = text.indexOf('\r\n\r\n'); end >= 0; end = text.indexOf('\r\n\r\n')) {
      const bytes = Number(/content-length: *(\d+)/i.exec(text.slice(0, end))?.[1] ?? 0)
      if (text.length < end + 4 + bytes) return
      const said = answer(text.slice(0, text.indexOf('\r\n')))
      if (said !== undefined) socket.write(said)
      text = text.slice(end + 4 + bytes)
    }
  })
}

const server = createServer(serve).listen(0, '127.0.0.1', () => {
  const address = server.address()
  process.stdout.write(`${typeof address === 'object' ? address?.port : ''}\n`)
})
// The parent holds the other end.
process.stdin.on('end', () => process.exit(0)).resume()
