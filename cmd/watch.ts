/** Tells `rr dev` that files changed: many changes at once count as one. */
import { relative, sep } from 'node:path'
import { type Clock, systemClock, type Timer } from '../src/core/clock.js'

const quietMs = 200
// What changes by itself or by our own doing: packages, version control, caches, logs.
const ignored =
  /(^|\/)(node_modules|vendor|\.git|\.idea|\.vscode|__pycache__|\.?cache|logs?|var|storage)(\/|$)|\.(log|pid|sock|swp|pyc|tmp)$|~$/

/** A running watch. */
export interface Watch {
  close(): Promise<void>
}

/** Calls `onChange` with one changed path, once it has been quiet for 200 ms. */
export async function watchFolder(
  folder: string,
  onChange: (path: string) => void,
  clock: Clock = systemClock,
): Promise<Watch> {
  const { watch } = await import('chokidar')
  let timer: Timer | undefined
  const watcher = watch(folder, {
    ignoreInitial: true,
    ignored: (path) => ignored.test(relative(folder, path).split(sep).join('/')),
  })
  watcher.on('all', (_event, path) => {
    timer?.clear()
    timer = clock.timer(quietMs, () => onChange(relative(folder, path)))
  })
  await new Promise<void>((resolve) => watcher.once('ready', () => resolve()))
  return {
    close: async () => {
      timer?.clear()
      await watcher.close()
    },
  }
}
