/** The context JSON that goes before a job's body. What all records of an event share is made into text once. Pure. */

import { batchText } from '../../../work/protocols/batch-text.js'
import { batchContext, rawContext } from '../../../work/protocols/raw.js'
import type { Invocation } from '../runtime-api/invocation.js'
import type { RecordPlan } from './record.js'

/** Facts from the function's environment; null where it has none. */
export interface FunctionFacts {
  readonly functionName: string | null
  readonly functionVersion: string | null
  readonly memoryLimitInMB: number | null
}

/** Makes the contexts of one event. */
export class ContextMaker {
  /** The function's name, where the environment tells it. */
  readonly functionName: string | null
  readonly #source: string
  readonly #shared: string
  readonly #besideRecords: string

  /** `besideRecords`: what the event holds beside its records, as the members of a JSON object. */
  constructor(invocation: Invocation, facts: FunctionFacts, source: string | null, besideRecords = '') {
    this.#besideRecords = besideRecords
    this.functionName = facts.functionName
    this.#source = JSON.stringify(source)
    const request = `"awsRequestId":${JSON.stringify(invocation.requestId)},"deadlineMs":${invocation.deadlineMs ?? null}`
    const called = `"invokedFunctionArn":${textOrNull(invocation.functionArn)},${factsText(facts)}`
    const client = `"traceId":${textOrNull(invocation.traceId)},"clientContext":${jsonOrText(invocation.clientContext)}`
    const caller = `"identity":${jsonOrText(invocation.cognitoIdentity)},"tenantId":${textOrNull(invocation.tenantId)}`
    this.#shared = `${request},${called},${client},${caller}`
  }

  /** Makes the context of the event as a whole. */
  ofEvent(): string {
    return `{"kind":"event","source":${this.#source},${this.#shared},"attempt":null,"record":null}`
  }

  /** Makes the context of a small batch: `records` holds everything but the bodies of its records, in order. */
  ofRecords(records: readonly RecordPlan[]): string {
    return batchContext({
      source: this.#source,
      request: this.#shared,
      records: records.map(({ text }) => text.rest()),
    })
  }

  /** Makes the context of one record. Its envelope is the event with an empty list in the record's place, unless that is `{"Records":[]}`. */
  ofRecord(record: RecordPlan): string {
    return this.#ofRecord(record)
  }

  /** Makes the context of a record that the server gave up, for a worker that settles what hangs on it. */
  ofGivenUp(record: RecordPlan, reason: string): string {
    return this.#ofRecord(record, reason)
  }

  #ofRecord({ attempt, text, place }: RecordPlan, givenUp?: string): string {
    const isPlain = this.#besideRecords === '' && place[0] === 'Records'
    return rawContext({
      source: this.#source,
      request: this.#shared,
      attempt,
      record: text.rest(),
      envelope: isPlain ? undefined : batchText(this.#besideRecords, [{ place, text: '' }]),
      ...(givenUp === undefined ? {} : { givenUp }),
    })
  }

  /** Returns the event with these records and no others. */
  eventOf(records: readonly RecordPlan[]): string {
    return batchText(
      this.#besideRecords,
      records.map(({ place, text }) => ({ place, text: text.whole() })),
    )
  }
}

function textOrNull(header: string | undefined): string {
  return header === undefined ? 'null' : JSON.stringify(header)
}

const factsTexts = new WeakMap<FunctionFacts, string>()

/** The function does not change while we run: its part is made once. */
function factsText(facts: FunctionFacts): string {
  const known = factsTexts.get(facts)
  if (known !== undefined) return known
  const made = JSON.stringify(facts).slice(1, -1)
  factsTexts.set(facts, made)
  return made
}

/** Returns a header's JSON unchanged, with all digits of its numbers; a JSON string of the text when it is not JSON. */
function jsonOrText(header: string | undefined): string {
  if (header === undefined) return 'null'
  try {
    JSON.parse(header)
    return header
  } catch {
    return JSON.stringify(header)
  }
}
