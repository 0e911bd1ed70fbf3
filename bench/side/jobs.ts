/**
 * Jobs of a pipeline in memory: several servers in turn, each with the same number of jobs, pushed in batches over RPC as RoadRunner's PHP
 * client pushes them, and run by the same workers. From the first push to the last end; of the turns the quietest third counts. A peer is
 * started with `RPC` (the address to listen on), `WORKERS` and `WORKER`, and has a pipeline `bench` in memory that it consumes.
 */
import type { ChildProcess } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { connect, type Socket } from 'node:net'
import { join } from 'node:path'
import { FrameDecoder } from '../../src/ipc/decoder.js'
import { encodeFrame, FrameFlag } from '../../src/ipc/frame.js'
import { readRpc, rpcParts } from '../../src/ipc/rpc/codec.js'
import { freePorts } from '../../tests/helpers/free-ports.js'
import { projectFolder } from '../../tests/helpers/project.js'
import { type Case, endCase, type Side, serverCases, startCase } from './cases.js'
import { cpuNs, machineNs, memoryOf, pause, processesOf, quiet } from './machine.js'
import { median, quietest } from './rates.js'

/** One turn of a server. */
interface Turn {
  readonly rate: number
  readonly cpuUs: number
  /** Processors that all others took. */
  readonly foreign: number
  readonly rssMb: number
}

interface Up {
  readonly one: Case
  readonly child: ChildProcess
  readonly client: JobsClient
  readonly turns: Turn[]
}

const batchJobs = 1000
const turnsMin = 3
const payload = '{"id":1,"to":"somebody@example.com","text":"a small job, as most are"}'

/** Prints a row for each server. */
export async function benchJobs(side: Side, jobCount: number): Promise<void> {
  for (const workers of [1, 4]) {
    console.log(`${jobCount} jobs in memory, ${workers} worker${workers === 1 ? '' : 's'}`)
    const rows = await turnsOf(side, workers, jobCount)
    const [unit] = rows
    for (const { name, turns } of rows) {
      const of = (key: keyof Turn, list: readonly Turn[]) => median(list.map((turn) => turn[key]))
      const counted = quietest(turns)
      const figures = (list: readonly Turn[]) => ({ rate: of('rate', list), cpuUs: of('cpuUs', list) })
      const [own, base] = [figures(counted), figures(quietest(unit?.turns ?? turns))]
      // The first turn has grown the heap that the others use again.
      const rssMb = turns[0]?.rssMb ?? 0
      console.log(
        `  ${name.padEnd(24)} ${own.rate.toFixed(0).padStart(6)}/s ×${(own.rate / base.rate).toFixed(2)}   ${own.cpuUs.toFixed(0).padStart(4)} µs CPU ×${(own.cpuUs / base.cpuUs).toFixed(2)}   RSS after ${rssMb.toFixed(0)} MB   foreign ${of('foreign', counted).toFixed(2)}   turns ${turns.length}`,
      )
    }
  }
}

async function turnsOf(
  side: Side,
  workers: number,
  jobCount: number,
): Promise<readonly { readonly name: string; readonly turns: readonly Turn[] }[]> {
  const servers: Up[] = []
  try {
    for (const { one, rpc } of await casesOf(side, workers)) servers.push(await bringUp(one, rpc))
    const endAt = performance.now() + side.seconds * 1000
    for (let round = 0; round < turnsMin || performance.now() < endAt; round += 1)
      for (const server of servers) server.turns.push(await oneTurn(server, jobCount))
    return servers.map(({ one, turns }) => ({ name: one.name, turns }))
  } finally {
    for (const { client } of servers) client.close()
    await Promise.all(servers.map(({ child }) => endCase(child)))
  }
}

async function casesOf(side: Side, workers: number) {
  const worker = `php ${join(projectFolder, 'bench/worker.php')} ack`
  const cases: { readonly one: Case; readonly rpc: string }[] = []
  for (const bare of await serverCases(side, { WORKERS: String(workers), WORKER: worker }, 'serve')) {
    const [port = 0] = await freePorts(1)
    const rpc = `tcp://127.0.0.1:${port}`
    const one = { ...bare, env: { ...bare.env, RPC: rpc } }
    await writeFile(join(one.folder, 'rr.yaml'), configOf({ rpc, worker, workers, jobs: side.jobs }))
    cases.push({ one, rpc })
  }
  return cases
}

function configOf(about: { rpc: string; worker: string; workers: number; jobs: string }): string {
  return [
    'version: "3"',
    `server: { command: "${about.worker}" }`,
    `rpc: { listen: "${about.rpc}" }`,
    'logs: { level: error }',
    'jobs:',
    `  pool: { num_workers: ${about.workers} }`,
    '  consume: [bench]',
    '  pipelines: { bench: { driver: memory } }',
    ...(about.jobs === '' ? [] : [`  ${about.jobs}`]),
    '',
  ].join('\n')
}

async function bringUp(one: Case, rpc: string): Promise<Up> {
  const child = startCase(one, '')
  for (const giveUpAt = performance.now() + 20_000; ; await pause(50)) {
    try {
      const client = await JobsClient.connect(rpc)
      const up = { one, child, client, turns: [] }
      // Compilers warm up.
      await run(up, 2 * batchJobs)
      return up
    } catch (error) {
      if (performance.now() < giveUpAt && child.exitCode === null) continue
      await endCase(child)
      throw new Error(`${one.name} does not take jobs: ${one.command}`, { cause: error })
    }
  }
}

async function oneTurn(server: Up, jobCount: number): Promise<Turn> {
  await quiet(500)
  const before = look(server.child)
  await run(server, jobCount)
  const after = look(server.child)
  const seconds = (after.atMs - before.atMs) / 1000
  const foreignNs = after.machineNs - before.machineNs - (after.knownNs - before.knownNs)
  return {
    rate: jobCount / seconds,
    cpuUs: (after.ownNs - before.ownNs) / jobCount / 1000,
    foreign: Math.max(0, foreignNs / 1e9 / seconds),
    rssMb: memoryOf(processesOf(server.child.pid ?? 0).own).rssMb,
  }
}

function look(child: ChildProcess) {
  const { own, workers } = processesOf(child.pid ?? 0)
  const used = process.cpuUsage()
  const ownNs = cpuNs(own)
  const knownNs = ownNs + cpuNs(workers) + 1000 * (used.user + used.system)
  return { atMs: performance.now(), ownNs, knownNs, machineNs: machineNs() }
}

/** Pushes jobs and waits for the end of the last one. */
async function run({ client }: Pick<Up, 'client'>, jobCount: number): Promise<void> {
  const goal = (await client.endedCount()) + jobCount
  for (let pushed = 0; pushed < jobCount; pushed += batchJobs)
    await client.pushBatch(Math.min(batchJobs, jobCount - pushed))
  for (const giveUpAt = performance.now() + 120_000; (await client.endedCount()) < goal; await pause(50))
    if (performance.now() > giveUpAt) throw new Error('jobs were lost, or take more than two minutes')
}

/** A client that pushes in PROTO and asks in JSON, one call at a time. */
class JobsClient {
  readonly #socket: Socket
  #sequence = 0
  #answer: { readonly resolve: (data: Buffer) => void; readonly reject: (error: Error) => void } | undefined
  #jobNumber = 0

  static async connect(address: string): Promise<JobsClient> {
    const port = Number(address.slice(address.lastIndexOf(':') + 1))
    const socket = connect(port, '127.0.0.1')
    await new Promise((resolve, reject) => socket.once('connect', resolve).once('error', reject))
    return new JobsClient(socket)
  }

  private constructor(socket: Socket) {
    this.#socket = socket
    const decoder = new FrameDecoder(
      { payloadBytesMax: 1 << 26, junkBytesMax: 0 },
      {
        frame: (frame) => {
          const message = readRpc(frame)
          // A peer may listen before its procedures are there.
          if (message?.isError === true) this.#answer?.reject(new Error(message.data.toString()))
          else this.#answer?.resolve(message?.data ?? Buffer.of())
        },
        junk: () => undefined,
      },
    )
    socket.on('data', (chunk: Buffer) => decoder.push(chunk))
  }

  close(): void {
    this.#socket.destroy()
  }

  /** Jobs that the workers have ended so far. */
  async endedCount(): Promise<number> {
    const data = await this.#call('informer.Workers', FrameFlag.json, '"jobs"')
    const { workers } = JSON.parse(data.toString()) as {
      readonly workers: readonly { readonly numExecs: number }[]
    }
    return workers.reduce((sum, { numExecs }) => sum + numExecs, 0)
  }

  async pushBatch(count: number): Promise<void> {
    const jobs = Array.from({ length: count }, () => field(1, this.#nextJob()))
    await this.#call('jobs.PushBatch', FrameFlag.proto, Buffer.concat(jobs))
  }

  #nextJob(): Buffer {
    this.#jobNumber += 1
    const id = `00000000-0000-4000-8000-${String(this.#jobNumber).padStart(12, '0')}`
    const options = field(5, field(2, 'bench'))
    return Buffer.concat([field(1, 'app.mail'), field(2, id), field(3, payload), options])
  }

  #call(method: string, codec: number, data: Buffer | string): Promise<Buffer> {
    this.#sequence += 1
    const parts = rpcParts({ sequence: this.#sequence, method, codec, isError: false, data })
    this.#socket.write(encodeFrame(parts))
    return new Promise((resolve, reject) => {
      this.#answer = { resolve, reject }
    })
  }
}

/** A field of protobuf whose value is bytes or a message. */
function field(number: number, value: Buffer | string): Buffer {
  const bytes = Buffer.from(value)
  const length: number[] = []
  for (let left = bytes.length; ; left >>>= 7) {
    if (left < 0x80) {
      length.push(left)
      break
    }
    length.push((left & 0x7f) | 0x80)
  }
  return Buffer.concat([Buffer.from([(number << 3) | 2, ...length]), bytes])
}
