/** Properties of a request that middleware finds out and workers are told. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { MultiValues } from '../../../work/http/index.js'

/** Facts about one request. */
export interface RequestFacts {
  /** The client's address, from a proxy that is trusted. */
  remoteAddr?: string
  /** Attributes of the request (PSR-7), by name. */
  attributes?: MultiValues
  /** True when the worker may name a file that is sent in place of its body. */
  sendsFiles?: boolean
  /** True for a request whose end is measured elsewhere. */
  isMeasured?: boolean
  /** Answers the request in place of a worker: its job has run already. */
  answeredBy?: (response: ServerResponse) => void
}

const facts = new WeakMap<IncomingMessage, RequestFacts>()

/** Facts that are known about a request. */
export function factsOf(request: IncomingMessage): RequestFacts | undefined {
  return facts.get(request)
}

/** Adds facts about a request. */
export function addFacts(request: IncomingMessage, more: RequestFacts): void {
  const known = facts.get(request)
  const attributes = { ...known?.attributes, ...more.attributes }
  facts.set(request, { ...known, ...more, attributes })
}
