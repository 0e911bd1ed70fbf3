/** SIGTERM and SIGINT, and a stop asked for over RPC: the first one asks, the second insists. */

/** Whether the end was asked for. */
export class EndAsked {
  /** Resolves with the first ask. */
  readonly asked: Promise<'asked'>
  #resolve!: (value: 'asked') => void
  #isAsked = false
  #onSecond: (() => void) | undefined

  constructor() {
    this.asked = new Promise((resolve) => {
      this.#resolve = resolve
    })
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => this.#signal())
  }

  /** Called when a second signal comes. */
  onSecond(run: () => void): void {
    this.#onSecond = run
  }

  /** Asks, without ever insisting. */
  ask(): void {
    this.#isAsked = true
    this.#resolve('asked')
  }

  /** True when the end is asked for before `work` is done; rejects as `work` does. */
  async comesBefore(work: Promise<unknown>): Promise<boolean> {
    const first = await Promise.race([this.asked, work.then(() => 'done' as const)])
    return first === 'asked'
  }

  #signal(): void {
    if (this.#isAsked) this.#onSecond?.()
    else this.ask()
  }
}
