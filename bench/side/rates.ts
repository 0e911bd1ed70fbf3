/**
 * Events a second and what one costs a server, several servers side by side. All are up at once and one works while the Runtime APIs of the
 * others are stopped; windows of 0.4 s go round, so that each sees the same weather of the machine. The first three of each are dropped
 * (compilers warm up), and of the rest the quietest third counts, by the CPU that others took: its medians. Only ratios of one run count.
 */
import type { ChildProcess } from 'node:child_process'
import { Api } from './api.js'
import { type Case, casesOf, endCase, type Side, startCase, type Work } from './cases.js'
import { cpuNs, machineNs, memoryOf, pause, processesOf, quiet } from './machine.js'

const windowMs = 400
const rampMs = 50
const warmUp = 3
const windowsMin = warmUp + 3

/** Figures of one window. */
interface Window {
  readonly rate: number
  readonly cpuUs: number
  /** Processors that all others took. */
  readonly foreign: number
}

/** Figures of one server in one row. */
export interface Rate extends Window {
  readonly name: string
  readonly rssMb: number
  readonly windows: number
  readonly errors: number
}

interface Up {
  readonly one: Case
  readonly api: Api
  readonly child: ChildProcess
  readonly windows: Window[]
}

/** Measures one kind of event; resolves with a figure for each server, the unit of the ratios first. */
export async function ratesOf(side: Side, eventFile: string, work: Work): Promise<readonly Rate[]> {
  const servers: Up[] = []
  try {
    for (const one of await casesOf(side, work)) servers.push(await bringUp(side, one, eventFile))
    const endAt = performance.now() + side.seconds * 1000
    for (let round = 0; round < windowsMin || performance.now() < endAt; round += 1)
      for (const server of servers) server.windows.push(await oneWindow(server))
    return await Promise.all(servers.map(figuresOf))
  } finally {
    for (const { api } of servers) api.go()
    await Promise.all(servers.map(({ child }) => endCase(child)))
    await Promise.all(servers.map(({ api }) => api.end()))
  }
}

async function bringUp(side: Side, one: Case, eventFile: string): Promise<Up> {
  const api = new Api(side.native, eventFile)
  const child = startCase(one, await api.address())
  const up = { one, api, child, windows: [] }
  for (const giveUpAt = performance.now() + 20_000; (await api.count()).answers < 3; await pause(20)) {
    if (performance.now() > giveUpAt || child.exitCode !== null) {
      await endCase(child)
      await api.end()
      throw new Error(`${one.name} does not answer: ${one.command}`)
    }
  }
  await pause(200)
  api.pause()
  return up
}

interface Look {
  readonly answers: number
  readonly atMs: number
  readonly ownNs: number
  /** Of everything that belongs to the measurement. */
  readonly knownNs: number
  readonly machineNs: number
}

async function look({ api, child }: Up): Promise<Look> {
  const { own, workers } = processesOf(child.pid ?? 0)
  const { answers } = await api.count()
  const used = process.cpuUsage()
  const ownNs = cpuNs(own)
  const knownNs = ownNs + cpuNs([...workers, api.pid]) + 1000 * (used.user + used.system)
  return { answers, atMs: performance.now(), ownNs, knownNs, machineNs: machineNs() }
}

async function oneWindow(server: Up): Promise<Window> {
  await quiet(150)
  server.api.go()
  await pause(rampMs)
  const before = await look(server)
  await pause(windowMs)
  const after = await look(server)
  server.api.pause()
  await pause(20)
  const answers = after.answers - before.answers
  if (answers === 0) throw new Error(`${server.one.name} stopped answering`)
  const seconds = (after.atMs - before.atMs) / 1000
  const foreignNs = after.machineNs - before.machineNs - (after.knownNs - before.knownNs)
  return {
    rate: answers / seconds,
    cpuUs: (after.ownNs - before.ownNs) / answers / 1000,
    foreign: Math.max(0, foreignNs / 1e9 / seconds),
  }
}

async function figuresOf({ one, api, child, windows }: Up): Promise<Rate> {
  const { rssMb } = memoryOf(processesOf(child.pid ?? 0).own)
  api.go()
  const { errors } = await api.count()
  const counted = quietest(windows.slice(warmUp))
  const of = (key: keyof Window) => median(counted.map((window) => window[key]))
  const figures = { rate: of('rate'), cpuUs: of('cpuUs'), foreign: of('foreign') }
  return { name: one.name, ...figures, rssMb, windows: counted.length, errors }
}

/** Returns the third of the samples, three at least, in which others took the least. */
export function quietest<T extends { readonly foreign: number }>(samples: readonly T[]): readonly T[] {
  const sorted = [...samples].sort((a, b) => a.foreign - b.foreign)
  return sorted.slice(0, Math.max(3, Math.floor(samples.length / 3)))
}

/** Returns the middle one. */
export function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0
}
