// One order per job: returning means done, throwing means that it is delivered again.
const { log, serve } = require('relayrunner/worker')

serve(async (body, context) => {
  if (context.kind === 'event') return { ok: true }
  const { order } = JSON.parse(body)
  if (!Number.isInteger(order)) throw new TypeError('an order has a number')
  log('info', 'shipped', { order, attempt: context.attempt })
})
