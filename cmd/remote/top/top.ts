/** `rr top`: a live screen of the running server. Without a terminal it prints the state once; with `--json` as one document. */
import { unreachable } from '../../../src/core/assert.js'
import { sleep, systemClock } from '../../../src/core/clock.js'
import { ErrorCode, hasCode, messageOf } from '../../../src/core/errors.js'
import type { LiveDocument, LiveLine } from '../../../src/supervisor/live/document.js'
import { Live, Reset, Stack } from '../../../src/supervisor/rpc/own.js'
import { type CommonOptions, ExitCode } from '../../options.js'
import { printableJson } from '../../output.js'
import { type ControlClient, withServer } from '../running-server.js'
import { RateMeter, type Rates } from './rates.js'
import { type Action, firstState, press, type ScreenState, shownWorkers } from './state.js'
import { painter, Terminal } from './terminal.js'
import { screenLines, type View } from './view.js'

const sampleMs = 1000
const linesMax = 200
/** Size of what is printed where there is no terminal. */
const paper = { columns: 120, rows: 60 }

/** Shows the screen until it is left. Exit 0, also when the server has stopped meanwhile; 1 when none runs. */
export async function top(options: CommonOptions): Promise<number> {
  await withServer(options, async (client) => {
    if (options.json === true) {
      process.stdout.write(`${printableJson(await client.call(Live, {}))}\n`)
    } else if (process.stdout.isTTY && process.stdin.isTTY) await new Top(client).run()
    else await printOnce(client, options)
  })
  return ExitCode.ok
}

/** Two samples: rates need both. */
async function printOnce(client: ControlClient, options: CommonOptions): Promise<void> {
  const meter = new RateMeter()
  meter.next(await client.call(Live, {}))
  await sleep(systemClock, sampleMs)
  const document = await client.call(Live, {})
  const view = {
    document,
    rates: meter.next(document),
    state: firstState,
    lines: document.lines,
    stack: [],
    say: '',
  }
  const lines = screenLines(view, paper, (_style, text) => text).slice(0, -1)
  process.stdout.write(`${withoutGaps(lines)}\n`)
  if (options.silent !== true)
    process.stderr.write('rr: no terminal, so this is one screen; `--json` is for programs\n')
}

/** Joins lines; empty ones that fill a screen become one. */
function withoutGaps(lines: readonly string[]): string {
  return lines
    .map((line) => line.trimEnd())
    .join('\n')
    .replace(/\n{3,}/g, '\n\n')
    .trim()
}

/** The screen of one server. */
class Top {
  readonly #client: ControlClient
  readonly #terminal: Terminal
  readonly #paint = painter(process.env)
  readonly #meter = new RateMeter()
  readonly #end = new AbortController()
  #state: ScreenState = firstState
  #document: LiveDocument | undefined
  #rates: Rates = { cpu: new Map(), jobs: new Map() }
  #lines: readonly LiveLine[] = []
  #stack: readonly string[] = []
  #say = ''
  #hasServerEnded = false

  constructor(client: ControlClient) {
    this.#client = client
    this.#terminal = new Terminal({
      onKey: (key) => this.#onKey(key),
      onResize: () => this.#draw(),
      onEnd: () => this.#end.abort(),
    })
  }

  async run(): Promise<void> {
    void this.#client.closed.then(() => {
      this.#hasServerEnded = !this.#end.signal.aborted
      this.#end.abort()
    })
    this.#terminal.open()
    try {
      while (!this.#end.signal.aborted) {
        if (!this.#state.isFrozen) await this.#sample()
        await sleep(systemClock, sampleMs, this.#end.signal)
      }
    } finally {
      this.#terminal.close()
    }
    if (this.#hasServerEnded) process.stderr.write(`the server stopped (pid ${this.#client.pid})\n`)
  }

  async #sample(): Promise<void> {
    try {
      const seen = { line: this.#lines.at(-1)?.n ?? 0, failure: Number.MAX_SAFE_INTEGER }
      const document = await this.#client.call(Live, seen)
      this.#document = document
      this.#rates = this.#meter.next(document)
      this.#lines = [...this.#lines, ...document.lines].slice(-linesMax)
      if (this.#say.startsWith('!')) this.#say = ''
    } catch (error) {
      // It may answer again: a frozen server goes on, a closed connection ends the loop.
      if (!hasCode(error, ErrorCode.NotAnswering) && !this.#end.signal.aborted && !isGone(error)) throw error
      this.#say = `! ${messageOf(error)}`
    }
    this.#draw()
  }

  #draw(): void {
    const document = this.#document
    if (document === undefined || this.#end.signal.aborted) return
    const view: View = {
      document,
      rates: this.#rates,
      state: this.#state,
      lines: this.#lines,
      stack: this.#stack,
      say: this.#say,
    }
    this.#terminal.draw(screenLines(view, this.#terminal.size, this.#paint))
  }

  #onKey(key: Parameters<typeof press>[1]): void {
    const document = this.#document
    const workers = document === undefined ? [] : shownWorkers(document, this.#state, this.#rates)
    const { state, action, say } = press(this.#state, key, { workers, queues: document?.queues ?? [] })
    this.#state = state
    this.#say = say ?? ''
    if (action?.kind === 'quit') this.#end.abort()
    else if (action !== undefined) void this.#act(action)
    this.#draw()
  }

  async #act(action: Exclude<Action, { readonly kind: 'quit' }>): Promise<void> {
    try {
      switch (action.kind) {
        case 'reset':
          this.#tell(`pool ${action.pool} is being reset …`)
          await this.#client.callLong(Reset, action.pool)
          this.#tell(`pool ${action.pool}: every worker was replaced`)
          return
        case 'pause':
        case 'resume': {
          const name = action.kind === 'pause' ? 'jobs.Pause' : 'jobs.Resume'
          const read = (answer: unknown) => answer
          await this.#client.callLong({ name, read }, { pipelines: [action.pipeline] })
          this.#tell(`pipeline ${action.pipeline}: ${action.kind === 'pause' ? 'paused' : 'resumed'}`)
          return
        }
        case 'stack': {
          this.#stack = [`asking worker ${action.pid} …`]
          const { lines, why } = await this.#client.call(Stack, { pool: action.pool, pid: action.pid })
          this.#stack = [
            `worker ${action.pid} of pool ${action.pool}`,
            '',
            ...lines,
            ...(why === null ? [] : [why]),
          ]
          this.#draw()
          return
        }
        default:
          return unreachable(action)
      }
    } catch (error) {
      this.#tell(`! ${messageOf(error).replace(/\s+/g, ' ')}`)
    }
  }

  #tell(text: string): void {
    this.#say = text
    this.#draw()
  }
}

function isGone(error: unknown): boolean {
  return hasCode(error, ErrorCode.NotRunning)
}
