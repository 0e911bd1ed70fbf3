/**
 * Runs an ordinary Lambda handler file unchanged: `node loader.js index.handler [FOLDER]`, or `_HANDLER`, from the folder,
 * LAMBDA_TASK_ROOT or the working directory. It does as AWS's own client for Node does (docs/handlers.md).
 */
import { loadHandler } from './handler/file.js'
import { handlerName } from './handler/name.js'
import { runOrdinary } from './handler/ordinary.js'

const name = handlerName(process.argv[2], process.env)
const folder = process.argv[3] ?? process.env.LAMBDA_TASK_ROOT ?? process.cwd()
// Wrappers of handlers (Datadog, New Relic) load them by these.
process.env._HANDLER ??= name
process.env.LAMBDA_TASK_ROOT = folder

await runOrdinary(() => loadHandler(name, folder))
