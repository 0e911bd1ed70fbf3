/** Runs a handler file as a worker process: `node run.js handler.mjs`. The same file runs in a thread as it is. */
import { resolve } from 'node:path'
import { serveModule } from './serve-module.js'

const [, , file] = process.argv
// The module sees the command line that it would have by itself.
process.argv.splice(1, 1)

serveModule(resolve(file ?? '')).catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`)
  process.exit(1)
})
