/**
 * The first file that Node loads of what ships, bundled by itself: `rr bootstrap` goes its own short way, every other command that of
 * the command line in `rr.ts`.
 */
import { createRequire } from 'node:module'
import { bootstrapWords } from './bootstrap-words.js'

const load = createRequire(import.meta.filename)
const words = bootstrapWords(process.argv.slice(2))
if (words === undefined) load('./cli/main.js')
else load('./bootstrap/main.js').runBootstrap(words)
