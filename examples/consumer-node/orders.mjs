// Ships the orders of a standard queue: they arrive in parallel, in any order, and possibly twice.
import { randomUUID } from 'node:crypto'
import { link, mkdir, rm, writeFile } from 'node:fs/promises'
import { fail, log, retry, serve } from 'relayrunner/worker'

const folder = `${process.env.STORE ?? 'var'}/shipped`
await mkdir(folder, { recursive: true })

await serve(async (body, context) => {
  if (context.kind === 'event') throw new TypeError('this worker takes records of a queue')
  const order = readOrder(body)
  // A producer that sends an order twice gives both the same key. Without a key, a second delivery by SQS is still detected.
  const key = order.key ?? context.record.messageId
  const label = labelOf(order, context.attempt)
  if (await once(key, { key, label })) log('info', 'shipped', { key, label })
  else log('info', 'shipped before', { key })
})

/** Gives up at once an order that can never be shipped: it goes to the dead-letter queue without five more attempts. */
function readOrder(body) {
  let order = null
  try {
    order = JSON.parse(body)
  } catch {
    throw fail('the body is not JSON')
  }
  if (!Array.isArray(order?.items) || order.items.length === 0) throw fail('an order without items')
  if (order.key !== undefined && !/^[\w-]{1,100}$/.test(order.key)) throw fail('an invalid key')
  return order
}

function labelOf({ carrier, items }, attempt) {
  if (carrier === 'post') return `post, ${items.length} items`
  if (carrier !== 'express') throw new Error(`no carrier "${carrier}"`)
  // Express is overloaded at first: a wait that grows with each attempt is better than the queue's fixed time.
  if (attempt < 3) throw retry('express takes nothing now', { afterMs: 1000 * 2 ** attempt })
  return `express, ${items.length} items`
}

/** Writes the entry completely or not at all, and only for the first caller, like a unique index of a database. */
async function once(key, entry) {
  const draft = `${folder}/.${randomUUID()}`
  await writeFile(draft, JSON.stringify(entry))
  try {
    await link(draft, `${folder}/${key}.json`)
    return true
  } catch (error) {
    if (error.code === 'EEXIST') return false
    throw error
  } finally {
    await rm(draft)
  }
}
