/**
 * The worker of the conformance suite: writes down that it began a job, does what the job's body says, and writes down that it has done
 * it. The folder is its argument.
 */
import { appendFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { retry, serve } from '../../workers/node/index.js'
import { eventsFile, readDeed, readEvents } from './events.js'

const [, , folder = '.'] = process.argv
const file = join(folder, eventsFile)

/** One `write` a line: workers share the file. */
function tell(what: 'begun' | 'done', id: string): void {
  appendFileSync(file, `${JSON.stringify({ what, id, pid: process.pid })}\n`)
}

await serve(async (body) => {
  const { id, ms, deed, times } = readDeed(body.toString())
  tell('begun', id)
  if (ms > 0) await pause(ms)
  const tries = readEvents(folder).filter((event) => event.what === 'begun' && event.id === id).length
  if (tries <= times) {
    if (deed === 'die') process.kill(process.pid, 'SIGKILL')
    if (deed === 'throw') throw new Error('told to fail')
    if (deed === 'retry') return retry('told to wait', { afterMs: 300 })
  }
  tell('done', id)
  return undefined
})
