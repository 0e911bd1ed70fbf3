/**
 * How long one event takes, from the API's last byte of it to the first of the answer: a batch of n records of t ms on w workers, whose
 * ideal is ⌈n/w⌉ × t. Events go to the servers in turn; the first two of each do not count.
 */

import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer, type ServerResponse } from 'node:http'
import { casesOf, endCase, type Side, startCase } from './cases.js'
import { batchEvent } from './events.js'
import { pause } from './machine.js'
import { median } from './rates.js'

const [workers, records, jobMs] = [4, 10, 20]
const warmUp = 2
const rounds = 30

/** Prints a row for each server. */
export async function benchLatency(side: Side): Promise<void> {
  const event = readFileSync(batchEvent(side.folder, records, 200))
  const cases = await casesOf(side, { workers, jobMs, hasFloor: false })
  const servers = []
  try {
    for (const one of cases) {
      const api = await slowApi()
      servers.push({ one, api, child: startCase(one, api.address), times: [] as number[] })
    }
    for (let round = 0; round < rounds + warmUp; round += 1) {
      for (const { api, times } of servers) {
        const took = await api.deal(event, round)
        if (round >= warmUp) times.push(took)
        await pause(20)
      }
    }
    const ideal = Math.ceil(records / workers) * jobMs
    console.log(`latency, a batch of ${records} × ${jobMs} ms on ${workers} workers (ideal ${ideal} ms)`)
    for (const { one, times } of servers) {
      const sorted = [...times].sort((a, b) => a - b)
      const shown = [sorted[0] ?? 0, median(times), sorted[Math.floor(times.length * 0.9)] ?? 0]
      const [min, middle, p90] = shown.map((ms) => ms.toFixed(1))
      console.log(`  ${one.name.padEnd(24)} min ${min}   median ${middle}   p90 ${p90} ms`)
    }
  } finally {
    await Promise.all(servers.map(({ child }) => endCase(child)))
    for (const { api } of servers) api.close()
  }
}

/** A Runtime API that answers `/next` only when it is told to. */
async function slowApi() {
  let give: (response: ServerResponse) => void = () => undefined
  let waiting: Promise<ServerResponse> = newWait()
  let answered: (atMs: number) => void = () => undefined
  function newWait(): Promise<ServerResponse> {
    return new Promise((resolve) => {
      give = resolve
    })
  }
  const server = createServer((request, response) => {
    const { url = '', method } = request
    if (url.includes('/extension/')) response.writeHead(403).end()
    else if (method === 'GET') give(response)
    else {
      answered(performance.now())
      request.resume().on('end', () => response.writeHead(202).end('{}'))
    }
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  return {
    address: `127.0.0.1:${typeof address === 'object' ? address?.port : ''}`,
    /** Resolves with the ms until the answer began to come. */
    deal: async (event: Buffer, number: number): Promise<number> => {
      const response = await waiting
      waiting = newWait()
      const answer = new Promise<number>((resolve) => {
        answered = resolve
      })
      response.writeHead(200, {
        'Content-Type': 'application/json',
        'Content-Length': event.length,
        'Lambda-Runtime-Aws-Request-Id': `request-${number}`,
        'Lambda-Runtime-Deadline-Ms': '4100000000000',
        'Lambda-Runtime-Invoked-Function-Arn': 'arn:aws:lambda:us-east-1:123456789012:function:f',
      })
      response.end(event)
      const sentAt = performance.now()
      return (await answer) - sentAt
    },
    close: () => {
      server.closeAllConnections()
      server.close()
    },
  }
}
