// Sends the mails of the queue: what it throws is a try that failed.
import { log, serve } from 'relayrunner/worker'

await serve((body) => {
  const { to } = JSON.parse(body)
  if (typeof to !== 'string') throw new TypeError('a mail without an address')
  log('info', 'sent', { to })
})
