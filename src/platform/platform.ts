/**
 * The port between the server and the place where it runs: AWS Lambda (`lambda.ts`), or a machine or container of one's own
 * (`server.ts`). `cmd` chooses one and hands it on; nothing below knows which of them it is.
 */
import type { LogShape } from '../logging/shape.js'

/** Decisions that the place makes. */
export interface Platform {
  readonly log: LogShape
}
