/**
 * The part `journal`: pushes of 256 callers into a pipeline in a journal, each on the disk before its answer, against bare group-commit
 * appends of as many callers to the same disk, and against the journal itself. Windows take turns, since a disk is never twice the same.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openJournal, silentLogger, systemClock } from '../src/index.js'
import { openJournalSource } from '../src/work/queues/journal/open-journal-source.js'

const callers = 256
const rounds = 25
const windowMs = 150
const bodyBytes = 400
/** What a job of this body takes in the log. */
const recordBytes = 520

/** Appends by the shortest code that does it: one write and one fdatasync for all that is waiting. */
class BareLog {
  readonly #file: FileHandle
  #waiting: { readonly bytes: Buffer; readonly done: () => void }[] = []
  #isRunning = false

  constructor(file: FileHandle) {
    this.#file = file
  }

  append(bytes: Buffer): Promise<void> {
    return new Promise((done) => {
      this.#waiting.push({ bytes, done })
      if (!this.#isRunning) setImmediate(() => void this.#run())
      this.#isRunning = true
    })
  }

  async #run(): Promise<void> {
    while (this.#waiting.length > 0) {
      const batch = this.#waiting.splice(0)
      await this.#file.write(Buffer.concat(batch.map(({ bytes }) => bytes)))
      await this.#file.datasync()
      for (const { done } of batch) done()
      await new Promise((resolve) => setImmediate(resolve))
    }
    this.#isRunning = false
  }
}

/** Calls a second of one window. */
async function rateOf(call: () => Promise<unknown>): Promise<number> {
  const start = performance.now()
  const end = start + windowMs
  let count = 0
  const caller = async () => {
    while (performance.now() < end) {
      await call()
      count += 1
    }
  }
  await Promise.all(Array.from({ length: callers }, caller))
  return count / ((performance.now() - start) / 1000)
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? 0
}

/** Prints the rates and their ratios. The folder is on the disk of the system's temporary files, unless TMPDIR says another. */
export async function benchJournal(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'rr-bench-journal-'))
  const services = { clock: systemClock, log: silentLogger }
  const file = await open(join(folder, 'bare'), 'a')
  const bare = new BareLog(file)
  const journal = await openJournal({ folder: join(folder, 'journal'), name: 'bench', ...services })
  const about = { kind: 'journal', pipeline: 'bench', priority: 10, pullMax: 1000, laneHeader: '' }
  const source = await openJournalSource({ folder: join(folder, 'jobs'), ...about }, services)
  const record = Buffer.alloc(recordBytes, 'x')
  const body = 'x'.repeat(bodyBytes)
  let id = 0
  const ways: Readonly<Record<string, () => Promise<unknown>>> = {
    'bare appends': () => bare.append(record),
    journal: () => journal.write([{ key: `${id++ % 10_000}`, value: record }]),
    'jobs pushed': () =>
      source.push([{ id: `job-${id++}`, name: 'bench.job', body, headers: {}, priority: 10, delayMs: 0 }]),
  }
  const rates = new Map<string, number[]>()
  try {
    for (let round = 0; round < rounds; round += 1)
      for (const [name, call] of Object.entries(ways))
        rates.set(name, [...(rates.get(name) ?? []), await rateOf(call)])
    const bases = rates.get('bare appends') ?? []
    console.log(
      `journal: ${callers} callers, each answered when its bytes are on the disk; ratios of neighbouring windows`,
    )
    for (const [name, list] of rates) {
      const ratio = median(list.map((rate, round) => rate / (bases[round] ?? rate)))
      console.log(
        `  ${name.padEnd(14)}${Math.round(median(list)).toString().padStart(9)}/s  ${ratio.toFixed(2)}`,
      )
    }
  } finally {
    await source.close()
    await journal.close()
    await file.close()
    rmSync(folder, { recursive: true, force: true })
  }
}
