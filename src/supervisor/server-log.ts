/** The log as the server needs it. */
import type { OutputPacer } from '../logging/output-pacer.js'
import type { RecentLines } from '../logging/recent-lines.js'
import type { LogSettings } from '../logging/sink.js'
import type { WorkerLine } from '../logging/worker-lines.js'
import type { LogService } from './services.js'

/** A log for plugins and workers, whose lines can be looked at. */
export interface ServerLog extends LogService {
  /** Takes the `logs:` section. */
  configure(settings: LogSettings): void
  /** Logs a line that a worker wrote. */
  workerLine(line: WorkerLine): void
  /** The longest line of a worker that stays whole, in bytes. */
  readonly lineBytesMax: number
  readonly pacer: OutputPacer
  /** The last lines, for those who look at them from outside. */
  readonly recent: RecentLines
}
