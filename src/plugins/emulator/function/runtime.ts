/** The runtime of an emulated function as the Runtime API sees it: the calls that it may make, and the wait for a restore. No I/O. */
import { type ApiStatus, wrongState } from './invocation.js'
import { afterCall, type RuntimeCall, type RuntimeState, refused } from './runtime-state.js'

/** A call of `/restore/next`. */
export interface RestorePoller {
  readonly wake: () => void
  readonly refuse: (status: ApiStatus) => void
}

/** The process that calls the Runtime API; another one may follow it (`reset`). */
export class Runtime {
  /** True where several events run at once, each with a state of its own. */
  readonly #isManaged: boolean
  #state: RuntimeState = 'starting'
  #hasPolled = false
  #restoring: RestorePoller | undefined

  constructor(isManaged: boolean) {
    this.#isManaged = isManaged
  }

  get state(): RuntimeState {
    return this.#state
  }

  /** True once the runtime has asked for an event. */
  get hasPolled(): boolean {
    return this.#hasPolled
  }

  /** True while the runtime waits for the restore of its snapshot. */
  get isInSnapshot(): boolean {
    return this.#restoring !== undefined
  }

  /** Moves the state for a call; returns the status of a refusal. */
  call(call: RuntimeCall): ApiStatus | undefined {
    if (this.#isManaged && call === 'init-error' && this.#hasPolled) return wrongState(call, 'polling')
    if (!this.#isManaged || call !== 'next') {
      const state = afterCall(this.#state, call)
      if (state === refused) return wrongState(call, this.#state)
      this.#state = state
    }
    this.#hasPolled ||= call === 'next'
    return undefined
  }

  /** Moves to a state that no call leads to. Several events at once have no common state. */
  become(state: RuntimeState): void {
    if (!this.#isManaged) this.#state = state
  }

  /** Waits for the restore, or refuses. Returns false when the call was refused. */
  awaitRestore(poller: RestorePoller): boolean {
    const status = this.call('restore-next')
    if (status !== undefined) poller.refuse(status)
    else this.#restoring = poller
    return status === undefined
  }

  /** Forgets a call of `awaitRestore` whose connection was lost. */
  cancelRestore(poller: RestorePoller): void {
    if (this.#restoring === poller) this.#restoring = undefined
  }

  /** Restores the snapshot; does nothing while none waits. */
  restore(): void {
    const poller = this.#restoring
    if (poller === undefined) return
    this.#restoring = undefined
    this.#state = 'restored'
    poller.wake()
  }

  /** Begins anew, because another process will call. */
  reset(): void {
    this.#state = 'starting'
    this.#hasPolled = false
    this.#restoring = undefined
  }
}
