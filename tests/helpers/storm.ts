/**
 * A storm of kills over one `rr serve`: its workers, launchers and watchdogs are killed and stopped at random while they boot
 * and run, then the server is killed at a random moment. What is left after two seconds is counted. Used by the
 * benchmark for many rounds and by a test for a tenth of them.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { seededRandom } from '../../src/core/random.js'
import { endingWithUs } from './mortal.js'
import { childrenOf, commandOf, isRunning, signalIfAlive, stateOf, withVariable } from './processes.js'
import { rrCommand } from './project.js'
import { invokeAt, lambdaConfig, workerText } from './rr.js'

/** Faults that a storm causes once beside killing workers. */
export const troubles = [
  'none',
  'a watchdog killed',
  'a watchdog stopped',
  'both watchdogs stopped',
  'a launcher stopped',
] as const
export type Trouble = (typeof troubles)[number]

/** Result of one round. */
export interface StormRound {
  readonly trouble: Trouble
  /** Workers and launchers that were killed. */
  readonly killed: number
  /** Killed launchers that had not become workers yet. */
  readonly launchersKilled: number
  readonly stopped: number
  /** Processes alive when the server was killed, itself left out. */
  readonly alive: number
  /** Processes alive two seconds later: must be none. */
  readonly left: readonly string[]
  /** Time in ms until none was left. */
  readonly goneMs: number
}

const workers = 4
const stormMsMax = 2200
const pauseMsMax = 25
const withinMs = 2000
const emptyLooks = 3

/** One round; the seed says who is hit when, and when the server is killed unless `stormMs` says it. */
export async function stormRound(seed: number, trouble: Trouble, stormMs?: number): Promise<StormRound> {
  const random = seededRandom(seed)
  const mark = `RR_STORM=${process.pid}-${seed}-${trouble.replaceAll(' ', '-')}`
  const folder = await mkdtemp(join(tmpdir(), 'rr-storm-'))
  await writeFile(join(folder, 'rr.yaml'), lambdaConfig(workerText('nasty'), { count: workers }))
  const { server, text } = startServer(folder, mark)
  const closed = once(server, 'close')
  try {
    const counts = await storm({
      server,
      mark,
      trouble,
      random,
      stormMs: stormMs ?? 150 + random() * stormMsMax,
    })
    const alive = withVariable(mark).length - 1
    server.kill('SIGKILL')
    const since = performance.now()
    await closed
    // A process in the middle of a fork cannot be read: none is left when three looks in a row see none.
    let left = withVariable(mark)
    for (let empty = 0; empty < emptyLooks && performance.now() - since < withinMs; ) {
      await pause(10)
      left = withVariable(mark).filter(isRunning)
      empty = left.length === 0 ? empty + 1 : 0
    }
    const goneMs = Math.round(performance.now() - since)
    const words = left.map((pid) => `${pid} ${stateOf(pid)} ${commandOf(pid).slice(0, 120)}`)
    const said =
      left.length > 0
        ? text()
            .split('\n')
            .filter((line) => /watchdog|mkfifo/.test(line))
        : []
    return { trouble, ...counts, alive, left: [...words, ...said], goneMs }
  } finally {
    for (const pid of withVariable(mark)) signalIfAlive(pid, 'SIGKILL')
    await rm(folder, { recursive: true, force: true })
  }
}

function startServer(folder: string, mark: string): { server: ChildProcess; text: () => string } {
  const [name = '', value] = mark.split('=')
  const env = { ...process.env, [name]: value, AWS_LAMBDA_MAX_CONCURRENCY: String(workers) }
  const [file, ...words] = endingWithUs([process.execPath, rrCommand, 'serve', '-c', 'rr.yaml'])
  const server = spawn(file, words, {
    cwd: folder,
    env,
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  let text = ''
  let isAsked = false
  server.stderr.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk
    if (isAsked) return
    const url = /"invoke":"([^"]+)"/.exec(text)?.[1]
    if (url === undefined) return
    isAsked = true
    // Enough for every worker and its replacements; each ends with its worker.
    for (let at = 0; at < 10 * workers; at += 1) invokeAt(url, '1').catch(() => undefined)
  })
  return { server, text: () => text }
}

interface Storm {
  readonly server: ChildProcess
  readonly mark: string
  readonly trouble: Trouble
  readonly random: () => number
  readonly stormMs: number
}

async function storm({ server, mark, trouble, random, stormMs }: Storm) {
  const endAt = performance.now() + stormMs
  const troubleAt = performance.now() + random() * (endAt - performance.now())
  const counts = { killed: 0, launchersKilled: 0, stopped: 0 }
  let isTroubled = trouble === 'none'
  while (performance.now() < endAt && server.exitCode === null) {
    // A launcher lives for a millisecond or two.
    await pause(isTroubled || trouble !== 'a launcher stopped' ? random() * pauseMsMax : 0)
    // A child that has not become its program yet is still a copy of the server: stopped, it would hold the server's pipes for ever.
    const all = withVariable(mark).filter((pid) => pid !== server.pid && !commandOf(pid).includes(rrCommand))
    if (!isTroubled && performance.now() > troubleAt) isTroubled = makeTrouble(trouble, all)
    const others = all.filter((pid) => !commandOf(pid).includes('relayrunner-watchdog'))
    const launchers = others.filter((pid) => commandOf(pid).includes('relayrunner-launcher'))
    const from = launchers.length > 0 ? launchers : others
    const victim = from[Math.floor(random() * from.length)]
    // Now and then only: workers have to live long enough to be nasty.
    if (victim === undefined || random() < 0.85) continue
    // A stopped `mkfifo` is not a worker: nobody promises its end.
    const isStop = random() < 0.2 && !commandOf(victim).startsWith('mkfifo')
    signalIfAlive(victim, isStop ? 'SIGSTOP' : 'SIGKILL')
    if (isStop) counts.stopped += 1
    else counts.killed += 1
    if (!isStop && launchers.length > 0) counts.launchersKilled += 1
  }
  return counts
}

/** True once there was somebody to hit. */
function makeTrouble(trouble: Trouble, all: readonly number[]): boolean {
  const guards = all.filter(isWatchdog)
  const launchers = all.filter((pid) => commandOf(pid).includes('relayrunner-launcher'))
  const hit = {
    none: [],
    'a watchdog killed': guards.slice(0, 1),
    'a watchdog stopped': guards.slice(0, 1),
    'both watchdogs stopped': guards.length === 2 ? guards : [],
    'a launcher stopped': launchers.slice(0, 1),
  }[trouble]
  for (const pid of hit) signalIfAlive(pid, trouble === 'a watchdog killed' ? 'SIGKILL' : 'SIGSTOP')
  return hit.length > 0
}

/** True for one that is ready; in its first milliseconds it is still asking the kernel to continue it. */
function isWatchdog(pid: number): boolean {
  const words = commandOf(pid)
  return words.startsWith('/bin/sh') && words.endsWith('relayrunner-watchdog ') && !words.includes('setpriv')
}

/** The watchdogs of a server. */
export function watchdogsOf(server: number): number[] {
  return childrenOf(server).filter(isWatchdog)
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
