/**
 * Recognises the fault of the previous start. Where a failed start is repeated for the same event, the second one gets the
 * message of the first, so that one mistake is logged once. Pure.
 */

/** Begins the message of a start in which no worker booted; the first worker's fault follows. */
export const noWorkerText = 'no worker could boot; the first said: '

/** Variable that holds the `errorMessage` of the start before, when that failed for the same event. */
const failedStartVariable = '_RELAYRUNNER_FAILED_INIT'

/** True when the start before failed with this message: numbers are masked, since pids differ, and the copy may be cut. */
export function repeatsFailedStart(
  message: string,
  env: Readonly<Record<string, string | undefined>>,
): boolean {
  const told = maskNumbers(env[failedStartVariable] ?? '')
  return told !== '' && maskNumbers(message).startsWith(told)
}

/** The text without its numbers: pids and times differ between failures of one cause. */
export function maskNumbers(text: string): string {
  return text.replace(/\d+/g, '#')
}
