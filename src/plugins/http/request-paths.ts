/** The two ways of a request through middleware to the workers: as objects of node:http, and as bytes of a plain request. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Logger } from '../../index.js'
import type { SectionMiddleware } from './middleware/built-in.js'
import { chained, type RequestHandler } from './middleware/chain.js'
import type { PlainMiddleware } from './middleware/plain-middleware.js'
import type { AccessLog } from './node/access-log.js'
import { addFacts, factsOf } from './node/facts.js'
import { answerOf, type ServeOptions, serveRequest } from './node/serve-request.js'
import { encodeTold } from './plain/context-encoder.js'
import type { PlainChain, PlainParts } from './plain/plain-parts.js'
import type { ClientAnswer } from './serving/client-answer.js'

/** Parts of the ways. */
export interface PathOptions {
  readonly middleware: SectionMiddleware
  readonly serving: ServeOptions
  readonly accessLog: AccessLog
  readonly log: Logger
}

type PlainPath = Pick<
  PlainParts,
  | 'runFor'
  | 'codec'
  | 'isRaw'
  | 'newId'
  | 'isStopping'
  | 'isOff'
  | 'chain'
  | 'tracing'
  | 'isFollowed'
  | 'follow'
>

/** The ways. */
export interface RequestPaths {
  readonly handle: RequestHandler
  readonly plain: PlainPath
}

/** Makes the ways. */
export function requestPaths({ middleware, serving, accessLog, log }: PathOptions): RequestPaths {
  const last = (request: IncomingMessage, response: ServerResponse) => {
    const answeredBy = factsOf(request)?.answeredBy
    if (answeredBy === undefined) serveRequest(request, response, serving)
    else answeredBy(response)
  }
  const chain = chained(middleware.all, last, log)
  const handle = (request: IncomingMessage, response: ServerResponse) => {
    if (accessLog.isOn) accessLog.follow(request, response)
    chain(request, response)
  }
  const { runFor, codec, isRaw, newId, isStopping, tracing } = serving
  const { plain } = middleware
  return {
    handle,
    plain: {
      ...{ runFor, codec, isRaw, newId, isStopping, tracing, isOff: plain === undefined },
      chain: plain?.isEmpty === false ? plainChain(plain, { serving, handle, chain }) : undefined,
      ...following(accessLog, plain),
    },
  }
}

/** Makes what the reader of plain requests needs of middleware. */
function plainChain(
  middleware: PlainMiddleware,
  {
    serving,
    handle,
    chain,
  }: { readonly serving: ServeOptions; readonly handle: RequestHandler; readonly chain: RequestHandler },
): PlainChain {
  const { told } = middleware
  return {
    middleware,
    told: {
      bytes: encodeTold(told, serving.codec),
      names: told.map(([name]) => Buffer.from(name.toLowerCase(), 'latin1')),
    },
    handle,
    take(request, response) {
      let answer: ClientAnswer | undefined
      addFacts(request, {
        isMeasured: true,
        answeredBy: (to) => {
          answer = answerOf(request, to, serving)
        },
      })
      chain(request, response)
      return answer
    },
  }
}

/** Follows plain requests to their ends: lines of the log, and measurements. */
function following(
  log: AccessLog,
  middleware: PlainMiddleware | undefined,
): Pick<PlainParts, 'isFollowed' | 'follow'> {
  const isMeasured = middleware?.isMeasured === true
  return {
    isFollowed: () => isMeasured || log.isOn,
    follow(request, remote) {
      const endLine = log.isOn ? log.followPlain(request, remote) : undefined
      const endMeasurement = middleware?.measure()
      return (status, bytes, isRefused) => {
        endLine?.(status, bytes)
        endMeasurement?.(status, isRefused)
      }
    },
  }
}
