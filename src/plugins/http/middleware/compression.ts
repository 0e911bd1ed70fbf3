/** The middleware `gzip`: compresses answers with what the client takes, by the package `compression`. */
import { compressor } from '../../../work/http/index.js'
import { type AnswerHead, headerOf } from '../serving/answer-head.js'
import type { BuiltInMiddleware } from './plain-part.js'

/** Answers of fewer bytes are not worth the time; `compression` has the same default. */
const compressedBytesMin = 1024

/** Makes the middleware. */
export async function compression(): Promise<BuiltInMiddleware> {
  const { handle, isType } = await compressor(compressedBytesMin)
  const isCandidate = (head: AnswerHead) =>
    isType(headerOf(head, 'content-type')) &&
    !/(?:^|,)\s*no-transform\s*(?:,|$)/i.test(headerOf(head, 'cache-control') ?? '')
  return {
    name: 'gzip',
    handle,
    plain: {
      // As it says for those that it does not compress, so that caches keep both apart.
      change: (head) => (isCandidate(head) ? varied(head) : head),
      takes(head) {
        const encoding = headerOf(head, 'content-encoding') ?? 'identity'
        if (!isCandidate(head) || encoding !== 'identity') return undefined
        return (look, bytes) =>
          (bytes ?? head.length ?? compressedBytesMin) >= compressedBytesMin &&
          look.method !== 'HEAD' &&
          /\b(?:br|gzip|deflate|zstd)\b|\*/i.test(look.header('accept-encoding') ?? '')
      },
    },
  }
}

function varied(head: AnswerHead): AnswerHead {
  const given = head.headers.find(([name]) => /^vary$/i.test(name))?.[1] ?? []
  if (given.some((value) => /(?:^|,)\s*(?:accept-encoding|\*)\s*(?:,|$)/i.test(value))) return head
  const others = head.headers.filter(([name]) => !/^vary$/i.test(name))
  return { ...head, headers: [...others, ['Vary', [...given, 'Accept-Encoding']]] }
}
