/** A server whose one worker streams its answers, with the Runtime API in front of it. */
import type { TestContext } from 'node:test'
import { startBootstrap } from './bootstrap.js'
import { urlEvent } from './http-events.js'
import { lambdaConfig } from './rr.js'
import { type ApiAnswer, streamingApi } from './streaming-api.js'

/** Starts `command` as the worker, over `relay`; `get` invokes it with a path. */
export async function startStreaming(
  t: TestContext,
  { command, relay }: { readonly command: string; readonly relay: string },
) {
  const api = await streamingApi(t)
  const text = lambdaConfig(command, { count: 1, more: '', lambda: 'mode: http\n  streaming: true' })
  const config = text.replace('server: { ', `server: { relay: "${relay}", `)
  const rr = await startBootstrap(t, api, { config })
  void rr.ended.then((code) => api.abandon(`rr ended with ${code}:\n${rr.text()}`))
  return { api, rr, get: (rawPath: string) => api.invoke(urlEvent({ rawPath })) }
}

/** The pieces of an answer without the two of its head. */
export function bodyOf(answer: ApiAnswer): readonly string[] {
  return answer.chunks.slice(2).map(String)
}
