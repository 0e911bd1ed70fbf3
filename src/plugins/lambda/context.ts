/** The context JSON that goes before a job's body. What all records of an event share is made into text once. Pure. */
import type { Invocation } from './runtime-client.js'
import type { RecordPlan } from './split.js'

/** What the function's environment says; null where it says nothing. */
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

  constructor(invocation: Invocation, facts: FunctionFacts, source: string | null) {
    this.functionName = facts.functionName
    this.#source = JSON.stringify(source)
    this.#shared = [
      `"awsRequestId":${JSON.stringify(invocation.requestId)},"deadlineMs":${invocation.deadlineMs ?? null}`,
      `"invokedFunctionArn":${textOrNull(invocation.functionArn)},${factsText(facts)}`,
      `"traceId":${textOrNull(invocation.traceId)},"clientContext":${jsonOrText(invocation.clientContext)}`,
      `"identity":${jsonOrText(invocation.cognitoIdentity)},"tenantId":${textOrNull(invocation.tenantId)}`,
    ].join(',')
  }

  /** For the event as a whole. */
  ofEvent(): string {
    return `{"kind":"event","source":${this.#source},${this.#shared},"attempt":null,"record":null}`
  }

  /** For a small batch: `record` holds what its records have beside their bodies, in their order. */
  ofRecords(records: readonly RecordPlan[]): string {
    const list = JSON.stringify(records.map(({ rest }) => rest))
    return `{"kind":"records","source":${this.#source},${this.#shared},"attempt":null,"record":null,"records":${list}}`
  }

  /** For one record. */
  ofRecord({ attempt, rest }: RecordPlan): string {
    return `{"kind":"record","source":${this.#source},${this.#shared},"attempt":${attempt},"record":${JSON.stringify(rest)}}`
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

/** A header's JSON written anew; the text as it came when it is no JSON, which the worker then gets as a text. */
function jsonOrText(header: string | undefined): string {
  if (header === undefined) return 'null'
  try {
    return JSON.stringify(JSON.parse(header))
  } catch {
    return JSON.stringify(header)
  }
}
