/** Message of a failed start, for the start that repeats it: `rr bootstrap` does not log the same fault again. Pure. */

/** Variable that `rr bootstrap` reads; extensions do not see what begins with `_`. */
export const failedInitVariable = '_RELAYRUNNER_FAILED_INIT'

// The kernel takes 128 KiB for a variable, and a character may be four bytes.
const messageLengthMax = 30_000

/** The `errorMessage` of an init error; undefined when there is none that fits into a variable. */
export function initErrorMessage(body: Buffer): string | undefined {
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
