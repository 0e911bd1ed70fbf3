// One order a job: returning means done, throwing means that it comes again.
import { log, serve } from 'relayrunner/worker'

await serve(async (body, context) => {
  if (context.kind === 'event') return { ok: true }
  const { order } = JSON.parse(body)
  if (!Number.isInteger(order)) throw new TypeError('an order has a number')
  log('info', 'shipped', { order, attempt: context.attempt })
})
