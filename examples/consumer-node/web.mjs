// Answers HTTP: a job's context is the head of the request, a job's body its body; the reply has the same form.
import { reply, serve } from 'relayrunner/worker'

const pixel =
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=='

const routes = {
  '/hello': { GET: hello },
  '/form': { POST: form },
  '/upload': { POST: upload },
  '/binary': { GET: binary },
  '/cookies': { GET: cookies },
}

await serve((body, { values: request }) => {
  const route = routes[new URL(request.uri).pathname]
  if (route === undefined) return json({ error: 'no such page' }, 404)
  if (Object.hasOwn(route, request.method)) return route[request.method](request, body)
  return json({ error: 'not with this method' }, 405, { Allow: Object.keys(route) })
})

function hello(request) {
  const name = new URLSearchParams(request.rawQuery).get('name') ?? 'world'
  return reply(`hello ${name}`, { status: 200, headers: { 'Content-Type': ['text/plain; charset=utf-8'] } })
}

/** Reads a parsed form: the body has its fields as JSON, `a[b]=1` as a nested object; an empty form has an empty body. */
function form({ parsed }, body) {
  if (!parsed) return json({ error: 'send a form' }, 415)
  return json(body.length === 0 ? {} : JSON.parse(body))
}

/** Handles uploaded files. They exist at `tmpName` until the reply is sent; move those that you want to keep. */
function upload({ uploads }) {
  const file = uploads?.file
  if (file?.error !== 0) return json({ error: 'send a file in the field "file"' }, 400)
  return json({ name: file.name, size: file.size })
}

function binary() {
  return reply(Buffer.from(pixel, 'base64'), { status: 200, headers: { 'Content-Type': ['image/png'] } })
}

/** Sets headers with several values, which Set-Cookie needs. Cookies of the request are already decoded. */
function cookies(request) {
  return json(request.cookies ?? {}, 200, {
    'Set-Cookie': ['seen=1; Path=/; HttpOnly', 'theme=dark; Path=/'],
  })
}

function json(value, status = 200, headers = {}) {
  return reply(JSON.stringify(value), {
    status,
    headers: { 'Content-Type': ['application/json'], ...headers },
  })
}
