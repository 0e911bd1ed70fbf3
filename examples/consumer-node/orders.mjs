// Ships the orders of a standard queue: they come side by side, in any order, and any of them may come twice.
import { randomUUID } from 'node:crypto'
import { link, mkdir, rm, writeFile } from 'node:fs/promises'
import { fail, log, retry, serve } from 'relayrunner/worker'

const folder = `${process.env.STORE ?? 'var'}/shipped`
await mkdir(folder, { recursive: true })

await serve(async (body, context) => {
  if (context.kind === 'event') throw new TypeError('this worker takes records of a queue')
  const order = readOrder(body)
  // A producer that sends an order twice gives both the same key; without one, SQS's own second delivery is still known.
  const key = order.key ?? context.record.messageId
  const label = labelOf(order, context.attempt)
  if (await once(key, { key, label })) log('info', 'shipped', { key, label })
  else log('info', 'shipped before', { key })
})

/** What can never be shipped is given up at once: a dead letter, not five more tries. */
function readOrder(body) {
  let order = null
  try {
    order = JSON.parse(body)
  } catch {
    throw fail('the body is no JSON')
  }
  if (!Array.isArray(order?.items) || order.items.length === 0) throw fail('an order without items')
  if (order.key !== undefined && !/^[\w-]{1,100}$/.test(order.key)) throw fail('a key that is none')
  return order
}

function labelOf({ carrier, items }, attempt) {
  if (carrier === 'post') return `post, ${items.length} items`
  if (carrier !== 'express') throw new Error(`no carrier "${carrier}"`)
  // Express is overrun at first: waiting longer each time is kinder than the queue's fixed time.
  if (attempt < 3) throw retry('express takes nothing now', { afterMs: 1000 * 2 ** attempt })
  return `express, ${items.length} items`
}

/** Keeps the entry, complete or not at all, and only for the first of all who try: your database's unique index. */
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
