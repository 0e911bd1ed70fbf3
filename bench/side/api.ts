/** A Runtime API in a process of its own, so that it can be stopped while another server works: in C where gcc is there, else in Node. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { request } from 'node:http'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { projectFolder } from '../../tests/helpers/project.js'

/** Compiles `native.c` into the folder; undefined, and said, where there is no gcc. */
export function nativeIn(folder: string): string | undefined {
  const program = join(folder, 'native')
  const source = join(projectFolder, 'bench/side/native.c')
  const run = spawnSync('gcc', ['-O2', '-o', program, source], { encoding: 'utf8' })
  if (run.status === 0) return program
  console.log(`no floor, and a Runtime API in Node that costs more: ${run.error?.message ?? run.stderr}`)
  return undefined
}

/** One running API. */
export class Api {
  readonly #child: ChildProcess
  readonly #port: Promise<number>
  readonly #stamps = new Map<string, number>()
  #onStamp: () => void = () => undefined

  constructor(native: string | undefined, eventFile: string) {
    const node = fileURLToPath(new URL('./instant-api.js', import.meta.url))
    const [file, words] =
      native === undefined ? [process.execPath, [node, eventFile]] : [native, ['api', eventFile]]
    this.#child = spawn(file, words, { stdio: ['pipe', 'pipe', 'inherit'] })
    let tellPort: (port: number) => void = () => undefined
    this.#port = new Promise((resolve) => {
      tellPort = resolve
    })
    if (this.#child.stdout === null) throw new Error('the API has no output')
    createInterface(this.#child.stdout).on('line', (line) => {
      const [what = '', at] = line.split(' ')
      if (at === undefined) tellPort(Number(what))
      else this.#stamps.set(what, Number(at))
      this.#onStamp()
    })
  }

  get pid(): number {
    return this.#child.pid ?? 0
  }

  /** Resolves with HOST:PORT. */
  async address(): Promise<string> {
    return `127.0.0.1:${await this.#port}`
  }

  /** Answers nothing from now on. */
  pause(): void {
    this.#child.kill('SIGSTOP')
  }

  go(): void {
    this.#child.kill('SIGCONT')
  }

  /** Resolves with answers and errors so far. */
  async count(): Promise<{ readonly answers: number; readonly errors: number }> {
    const [answers = 0, errors = 0] = (await textAt(`http://${await this.address()}/count`))
      .split(' ')
      .map(Number)
    return { answers, errors }
  }

  /** Resolves with the second of CLOCK_MONOTONIC at which the first `next` or `answer` came. */
  async stamp(what: 'next' | 'answer'): Promise<number> {
    for (;;) {
      const at = this.#stamps.get(what)
      if (at !== undefined) return at
      await new Promise<void>((resolve) => {
        this.#onStamp = resolve
      })
    }
  }

  async end(): Promise<void> {
    this.#child.kill('SIGKILL')
    if (this.#child.exitCode === null && this.#child.signalCode === null) await once(this.#child, 'exit')
  }
}

function textAt(url: string): Promise<string> {
  return new Promise((resolve, reject) => {
    request(url, { agent: false }, (response) => {
      let text = ''
      response.setEncoding('utf8').on('data', (piece: string) => {
        text += piece
      })
      response.on('end', () => resolve(text))
    })
      .on('error', reject)
      .end()
  })
}
