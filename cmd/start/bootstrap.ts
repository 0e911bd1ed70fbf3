/** `rr bootstrap` with plain words: what `rr.ts` does for it, without the command line's own code. */
import { sayFault } from '../options.js'
import { bootstrap } from '../server/serve.js'
import { listenForEnd } from '../server/signals.js'
import { checkFolder } from '../working-folder.js'
import type { BootstrapWords } from './bootstrap-words.js'
import type { Prepared } from './prepared.js'

/** Runs the server and ends the process with its exit code. */
export function runBootstrap({ handler, ...options }: BootstrapWords, prepared: Prepared): void {
  listenForEnd()
  const run = async () => {
    checkFolder()
    await bootstrap(handler, { ...options, ...prepared })
  }
  run().catch((error: unknown) => {
    // Something may be left that keeps the process alive: an early worker, a timer.
    process.exit(sayFault(error))
  })
}
