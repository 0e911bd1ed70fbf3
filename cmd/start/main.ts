/**
 * The first file that Node loads of what ships, bundled by itself: `rr bootstrap` goes its own short way, every other command that of
 * the command line in `rr.ts`.
 */
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { version } from '../version.js'
import { bootstrapWords } from './bootstrap-words.js'
import { startEarly } from './early.js'
import { loadBundle } from './load-bundle.js'
import { cacheName, type Prepared, readCompiled, readPrepared } from './prepared.js'
import { keepHeapSmall } from './small-heap.js'

// `scripts/bundle.mjs` writes the hash of `bootstrap/main.js` here.
const bundleHash = 'not-bundled'
const load = createRequire(import.meta.filename)
const words = bootstrapWords(process.argv.slice(2))
if (words === undefined) load('./cli/main.js')
else {
  // Ours alone: workers need not know of them.
  const { RELAYRUNNER_COMPILED: folder, _RELAYRUNNER_SAVE_CACHE: saveFolder } = process.env
  delete process.env._RELAYRUNNER_SAVE_CACHE
  // Set by the script `bootstrap`, and read by malloc when this process began.
  if (process.env._RELAYRUNNER_ARENAS !== undefined) {
    delete process.env._RELAYRUNNER_ARENAS
    delete process.env.MALLOC_ARENA_MAX
  }
  const compiledFolder = folder || join(import.meta.dirname, 'compiled')
  const notes: string[] = []
  // Else a signal would end the process and leave the early workers. Libuv hands it over in the next turn of the loop, where the
  // listener of the server is there, too: nothing is awaited until then.
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP']) process.on(signal, () => undefined)
  const compiled = readCompiled(compiledFolder, version, notes)
  const early = startEarly(words, compiled, notes)
  const name = cacheName([version, bundleHash], process.execArgv)
  const cache = readPrepared(compiledFolder, name, notes)
  const bundle = loadBundle({
    file: join(import.meta.dirname, 'bootstrap/main.js'),
    cachedData: cache,
    saveTo: saveFolder === undefined ? undefined : join(saveFolder, name),
  })
  if (cache !== undefined) notes.push(`V8 ${bundle.isRejected ? 'rejected' : 'accepted'} the code cache`)
  const prepared: Prepared = { compiled, early, notes }
  const { runBootstrap }: typeof import('./bootstrap.js') = bundle.exports
  runBootstrap(words, prepared)
  // Not where the code cache is made: it is good for the flags that are set when it is written.
  if (saveFolder === undefined) keepHeapSmall()
}
