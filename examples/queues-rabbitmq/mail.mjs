// Sends the mails of a queue. The queue counts tries: a mail that cannot be sent now comes again, one that never can is kept.
import { fail, log, serve } from 'relayrunner/worker'

await serve((body, context) => {
  const { to } = readMail(body)
  // Your mailer belongs here: what it throws is a try that failed.
  log('info', 'sent', { to, attempt: context.attempt })
})

function readMail(body) {
  try {
    const mail = JSON.parse(body)
    if (typeof mail?.to === 'string') return mail
  } catch {
    throw fail('the body is not JSON')
  }
  throw fail('a mail without an address')
}
