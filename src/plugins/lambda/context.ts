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
  readonly #source: string
  readonly #shared: string

  constructor(invocation: Invocation, facts: FunctionFacts, source: string | null) {
    this.#source = JSON.stringify(source)
    const shared = JSON.stringify({
      awsRequestId: invocation.requestId,
      deadlineMs: invocation.deadlineMs ?? null,
      invokedFunctionArn: invocation.functionArn ?? null,
      ...facts,
      traceId: invocation.traceId ?? null,
      clientContext: parsedOrText(invocation.clientContext),
      identity: parsedOrText(invocation.cognitoIdentity),
      tenantId: invocation.tenantId ?? null,
    })
    this.#shared = shared.slice(1, -1)
  }

  /** For the event as a whole. */
  ofEvent(): string {
    return `{"kind":"event","source":${this.#source},${this.#shared},"attempt":null,"record":null}`
  }

  /** For one record. */
  ofRecord({ attempt, rest }: RecordPlan): string {
    return `{"kind":"record","source":${this.#source},${this.#shared},"attempt":${attempt},"record":${JSON.stringify(rest)}}`
  }
}

/** Header JSON parsed; the text as it came when it is no JSON. */
function parsedOrText(header: string | undefined): unknown {
  if (header === undefined) return null
  try {
    return JSON.parse(header)
  } catch {
    // Interface: the worker gets what the caller sent.
    return header
  }
}
