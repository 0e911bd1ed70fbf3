/** Chance as a service: a seeded generator, so that jitter and property tests can be repeated. */

/** Returns numbers in [0, 1). */
export type Random = () => number

/** Mulberry32: small, fast, good enough for jitter and tests; never for secrets. */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}
