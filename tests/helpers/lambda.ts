/** The parts of the lambda plugin, put together for tests without a Runtime API. */
import { systemClock } from '../../src/core/clock.js'
import { deferred } from '../../src/core/deferred.js'
import { silentLogger } from '../../src/logging/logger.js'
import type { Answer } from '../../src/plugins/lambda/answer/answer.js'
import { type EventEnd, EventRun, type HandlerOptions } from '../../src/plugins/lambda/event/event-run.js'
import { runEvent } from '../../src/plugins/lambda/event/run-event.js'
import { GivenUp, type SendGivenUp } from '../../src/plugins/lambda/failures/given-up.js'
import type { GivenUpPolicy } from '../../src/plugins/lambda/failures/report.js'
import { rawMode } from '../../src/plugins/lambda/modes/raw.js'
import type { SplitOptions } from '../../src/plugins/lambda/plan/split.js'
import type { Invocation } from '../../src/plugins/lambda/runtime-api/invocation.js'
import type { Pool } from '../../src/supervisor/pool/pool.js'
import { PoisonRecords } from '../../src/work/poison-records.js'

/** An event as the Runtime API hands it out. */
export function invocationOf(event: unknown, requestId = 'r', deadlineMs?: number): Invocation {
  return {
    requestId,
    deadlineMs,
    functionArn: undefined,
    traceId: undefined,
    clientContext: undefined,
    cognitoIdentity: undefined,
    tenantId: undefined,
    body: Buffer.isBuffer(event) ? event : Buffer.from(JSON.stringify(event)),
  }
}

/** An event with the promise of its end. */
export interface StartedEvent {
  readonly run: EventRun
  readonly ended: Promise<EventEnd>
}

/** Makes an event that does not run yet. */
export function eventRun(invocation: Invocation, options: HandlerOptions): StartedEvent {
  const { promise: ended, resolve } = deferred<EventEnd>()
  return { run: new EventRun(invocation, options, resolve), ended }
}

/** Starts an event as the loop does. */
export function startEvent(invocation: Invocation, options: HandlerOptions): StartedEvent {
  const event = eventRun(invocation, options)
  runEvent(event.run)
  return event
}

/** The answer to an event. */
export async function answerOf(invocation: Invocation, options: HandlerOptions): Promise<Answer> {
  return (await startEvent(invocation, options).ended).answer
}

/** Makes the options of an `EventRun` with the defaults of `mode: raw`. */
export function handlerOptions(
  pool: Pool,
  changes: Partial<HandlerOptions> & {
    readonly failed?: GivenUpPolicy
    readonly send?: SendGivenUp
    readonly splitting?: Partial<SplitOptions>
  } = {},
): HandlerOptions {
  const { failed = 'redrive', send, splitting, ...others } = changes
  const split = { isSplit: true, fifo: 'group' as const, ...splitting }
  const hasPartialFailures = others.hasPartialFailures ?? true
  return {
    pool,
    clock: systemClock,
    log: silentLogger,
    facts: { functionName: null, functionVersion: null, memoryLimitInMB: null },
    mode: rawMode({ split, hasPartialFailures }),
    split,
    recordsPerJob: 1,
    hasPartialFailures,
    givenUp: new GivenUp({
      policy: failed,
      log: others.log ?? silentLogger,
      nowMs: () => systemClock.nowMs(),
      ...(send === undefined ? {} : { send }),
    }),
    poison: new PoisonRecords(3),
    marginMs: 1000,
    takesExpress: true,
    ...others,
  }
}
