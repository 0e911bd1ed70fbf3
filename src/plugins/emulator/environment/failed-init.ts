/** Message of a failed start, for the start that repeats it: `rr bootstrap` does not log the same fault again. */

// `rr bootstrap` reads it; extensions do not see variables that begin with `_`.
const failedInitVariable = '_RELAYRUNNER_FAILED_INIT'

// The kernel takes 128 KiB for a variable, and a character may be four bytes.
const messageLengthMax = 30_000

/** Message of a failed start, kept until the start that repeats it. */
export class FailedInit {
  #message: string | undefined

  /** Keeps the message of an init error. */
  keep(body: Buffer): void {
    this.#message = initErrorMessage(body)
  }

  /** Returns the variables with the message for the next start, and forgets it. */
  take(): Readonly<Record<string, string>> {
    const message = this.#message
    this.#message = undefined
    return message === undefined ? {} : { [failedInitVariable]: message }
  }
}

/** Returns the `errorMessage` of an init error; undefined when there is none that fits into a variable. */
function initErrorMessage(body: Buffer): string | undefined {
  let error: unknown
  try {
    error = JSON.parse(body.toString('utf8'))
  } catch {
    // A runtime may post anything.
    return undefined
  }
  if (typeof error !== 'object' || error === null || !('errorMessage' in error)) return undefined
  const { errorMessage } = error
  const isFit = typeof errorMessage === 'string' && !errorMessage.includes('\0')
  return isFit ? errorMessage.slice(0, messageLengthMax) : undefined
}
