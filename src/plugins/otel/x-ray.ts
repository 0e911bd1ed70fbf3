/** X-Ray's header of a trace (`Root=1-…;Parent=…;Sampled=1`) as a span of OpenTelemetry. Pure. */

/** A span that X-Ray has sampled. */
export interface XRaySpan {
  readonly traceId: string
  readonly spanId: string
}

/**
 * Reads the header; undefined for a trace that is not sampled. AWS sends one with `Sampled=0` wherever tracing is off: as a parent it would
 * keep all traces from being recorded.
 */
export function readXRay(header: string): XRaySpan | undefined {
  if (!/(^|;)\s*Sampled=1\s*(;|$)/.test(header)) return undefined
  const root = /(?:^|;)\s*Root=1-([0-9a-f]{8})-([0-9a-f]{24})/i.exec(header)
  const parent = /(?:^|;)\s*Parent=([0-9a-f]{16})/i.exec(header)?.[1]
  if (root === null || parent === undefined) return undefined
  return { traceId: `${root[1]}${root[2]}`.toLowerCase(), spanId: parent.toLowerCase() }
}
