/** Pulls messages of a consumer: what is there, else the next one. A message that comes too late for its pull goes back at once. */
import type { Msg } from '@nats-io/transport-node'
import { type Clock, onAbort, type Undo } from '../../index.js'
import { queueFault } from '../../work/queues/queue-fault.js'
import type { NatsLink } from './connection.js'
import { placeOf } from './message.js'

/** A request for messages. */
export interface PullRequest {
  readonly stream: string
  readonly consumer: string
  readonly want: number
  readonly waitMs: number
  readonly signal: AbortSignal
  readonly clock: Clock
}

/** Statuses of JetStream that end a request without a fault: nothing there, time over, request complete. */
const quietStatuses = [404, 408]
/** Ms beyond its own time in which a request must be answered. */
const answerMsMax = 3000
/** Ms after which a server of 2.9 gives up to look for what is there, which it does not do where all that is left was given up. */
const soonMs = 200
const minusNak = '-NAK'

/** Resolves with messages: those that are there, up to `want`, else the first to come; with none when its time is over or `signal` aborts. */
export async function pullMessages(link: NatsLink, request: PullRequest): Promise<readonly Msg[]> {
  const { want, waitMs } = request
  const there = await ask(link, request, { batch: want, no_wait: true, expires: soonMs * 1e6 }, soonMs)
  if (there.length > 0 || waitMs <= 0 || request.signal.aborted) return there
  return ask(link, request, { batch: 1, expires: Math.ceil(waitMs) * 1e6 }, waitMs)
}

function ask(
  { connection, newInbox, lost }: NatsLink,
  { stream, consumer, want, signal, clock }: PullRequest,
  body: { readonly batch: number; readonly no_wait?: boolean; readonly expires?: number },
  waitMs: number,
): Promise<readonly Msg[]> {
  return new Promise((resolve, reject) => {
    const messages: Msg[] = []
    const undo: Undo[] = []
    let isOver = false
    const inbox = newInbox()
    const end = (fault?: unknown) => {
      if (isOver) return
      isOver = true
      for (const one of undo) one()
      if (fault !== undefined && messages.length === 0) reject(fault)
      else resolve(messages)
      // The request may still be open: what comes for it meanwhile is given back.
      if (!signal.aborted || connection.isClosed()) subscription.unsubscribe()
      else clock.timer(waitMs, () => subscription.unsubscribe(), { unref: true })
    }
    const subscription = connection.subscribe(inbox, {
      callback: (error, message) => {
        if (error !== null) return end(error)
        if (placeOf(message.reply) === undefined) return end(statusFault(message, stream))
        if (isOver) message.respond(minusNak)
        else if (messages.push(message) >= Math.min(body.batch, want)) end()
      },
    })
    const timer = clock.timer(waitMs + answerMsMax, () => end(silent(stream, consumer)))
    undo.push(() => timer.clear())
    undo.push(onAbort(lost, () => end(broken())))
    undo.push(onAbort(signal, () => end()))
    if (isOver) return
    connection.publish(`$JS.API.CONSUMER.MSG.NEXT.${stream}.${consumer}`, JSON.stringify(body), {
      reply: inbox,
    })
  })
}

/** Returns the fault of a status; undefined where the request has ended well. */
function statusFault({ headers }: Msg, stream: string): Error | undefined {
  const code = headers?.code ?? 0
  if (quietStatuses.includes(code)) return undefined
  const text = `${code} ${headers?.description ?? ''}`
  // Answered before its end, or refused for a while: `Leadership Change`, `Server Shutdown`, too many requests.
  if (code === 409 && !/deleted|push|max request/i.test(text)) return undefined
  return queueFault({
    kind: 'missing',
    what: `the consumer of stream "${stream}" gives no messages: ${text}`,
    hint: 'It is made again with the next try, if the user may; a consumer must be one that is pulled from.',
  })
}

function broken(): Error {
  return queueFault({
    kind: 'unreachable',
    what: 'the connection to NATS is lost',
    hint: 'Start the server, or see its log.',
  })
}

/** The server answers, but not this: who asks for a consumer that is not there gets no answer. */
function silent(stream: string, consumer: string): Error {
  return queueFault({
    kind: 'missing',
    what: `JetStream gives no answer for the consumer "${consumer}" of stream "${stream}": it was deleted, or the user may not read it`,
    hint: 'It is made again with the next try, if the user may; the user needs $JS.API.CONSUMER.MSG.NEXT.>.',
  })
}
