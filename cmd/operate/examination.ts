/** Types that `rr doctor` and its bundle share: the options, and all that was seen. */
import type { CommonOptions } from '../options.js'
import type { Diagnosis } from './finding.js'
import type { ServerView, SilentServer } from './server-view.js'

/** Options of `rr doctor`, beside the common ones. */
export interface DoctorOptions extends CommonOptions {
  /** `--bundle FILE`. */
  readonly bundle?: string
  /** `--no-log`: without lines of the log in the bundle. */
  readonly log?: boolean
}

/** All that was found, and from what. */
export interface Examination {
  readonly findings: readonly Diagnosis[]
  /** The configuration in force with secrets masked; undefined where there is none, or it cannot be read. */
  readonly config: object | undefined
  readonly server: ServerView | SilentServer | undefined
}
