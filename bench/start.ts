/** Measures the time from process start to the first `/next`, and to the first answer: `rr bootstrap` against a Runtime API of our own. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { endingWithUs } from '../tests/helpers/mortal.js'
import { projectFolder } from '../tests/helpers/project.js'
import { rr } from './pool.js'

const rounds = 7

/** Prints the medians. */
export async function benchStart(): Promise<void> {
  const worker = `${process.execPath} ${join(projectFolder, 'tests/fixtures/workers/echo.mjs')}`
  const all: [number, number][] = []
  for (let round = 0; round < rounds; round += 1) all.push(await startOnce(worker))
  const median = (at: 0 | 1) => all.map((pair) => pair[at]).sort((a, b) => a - b)[rounds >> 1] ?? 0
  console.log(
    `start (2 Node workers): first /next ${median(0).toFixed(0)} ms, first answer ${median(1).toFixed(0)} ms`,
  )
}

async function startOnce(worker: string): Promise<[number, number]> {
  const folder = await mkdtemp(join(tmpdir(), 'rr-bench-'))
  await writeFile(
    join(folder, 'rr.yaml'),
    `version: "3"\nserver: { command: "${worker}" }\nlambda: { pool: { num_workers: 2 } }\n`,
  )
  let nextMs = 0
  let startedAt = 0
  let answered!: (ms: number) => void
  const answer = new Promise<number>((resolve) => {
    answered = resolve
  })
  const server = createServer((request: IncomingMessage, response: ServerResponse) => {
    if (request.url?.endsWith('/next') === true && request.url.includes('/runtime/')) {
      if (nextMs !== 0) return
      nextMs = performance.now() - startedAt
      response.setHeader('Lambda-Runtime-Aws-Request-Id', 'bench')
      response.setHeader('Lambda-Runtime-Deadline-Ms', String(Date.now() + 30_000))
      response.end('{}')
    } else if (request.url?.endsWith('/response') === true) {
      request.resume()
      response.writeHead(202).end()
      answered(performance.now() - startedAt)
    } else response.writeHead(404).end()
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const env: Record<string, string | undefined> = {
    ...process.env,
    AWS_LAMBDA_RUNTIME_API: `127.0.0.1:${port}`,
  }
  delete env.NODE_EXTRA_CA_CERTS
  startedAt = performance.now()
  const [file, ...words] = endingWithUs([process.execPath, rr, 'bootstrap', '-c', join(folder, 'rr.yaml')])
  const child = spawn(file, words, {
    env,
    stdio: 'ignore',
  })
  const answerMs = await answer
  child.kill('SIGTERM')
  await once(child, 'exit')
  server.closeAllConnections()
  server.close()
  await rm(folder, { recursive: true, force: true })
  return [nextMs, answerMs]
}
