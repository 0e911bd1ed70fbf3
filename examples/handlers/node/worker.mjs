// A worker in ten lines: `do` in a record's body says what happens to it; an event is answered with where it came from.
import { fail, log, retry, serve } from 'relayrunner/worker'

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms))

await serve(async (body, context) => {
  log('info', 'job', { kind: context.kind, source: context.source })
  if (context.kind === 'event') return { ok: true, source: context.source, kind: context.kind }
  const { do: deed, ms } = JSON.parse(body.toString().startsWith('{') ? body.toString() : '{}')
  if (deed === 'throw') throw new Error('told to throw')
  if (deed === 'die') process.exit(9)
  if (deed === 'sleep') await sleep(ms)
  if (deed === 'retry') throw retry('told to retry', { afterMs: 1000 })
  if (deed === 'fail') throw fail('told to fail')
})
