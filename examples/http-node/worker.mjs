// Answers HTTP with a handler of the web's own kind.
import { setTimeout as sleep } from 'node:timers/promises'
import { fetchHandler, serve } from 'relayrunner/worker'

const encoder = new TextEncoder()

async function* events() {
  for (let count = 1; count <= 5; count += 1) {
    yield encoder.encode(`data: ${count}\n\n`)
    await sleep(100)
  }
}

await serve(
  fetchHandler(async (request) => {
    const { pathname, searchParams } = new URL(request.url)
    switch (pathname) {
      case '/':
        return new Response(`hello ${searchParams.get('name') ?? 'world'}\n`)
      case '/echo':
        return Response.json({ method: request.method, body: await request.text() })
      case '/events':
        return new Response(ReadableStream.from(events()), {
          headers: { 'Content-Type': 'text/event-stream' },
        })
      default:
        return new Response('no such page\n', { status: 404 })
    }
  }),
)
