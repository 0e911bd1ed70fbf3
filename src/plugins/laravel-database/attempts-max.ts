/** The largest number that the column `attempts` can hold: a job that is at it must not stop all that are taken with it. Pure. */

const bits: readonly (readonly [type: RegExp, bits: number])[] = [
  [/^tinyint/, 8],
  [/^(smallint|int2)/, 16],
  [/^mediumint/, 24],
  [/^(int|integer|int4)\b/, 32],
]

/** Returns it for a type as the database writes it. */
export function attemptsMaxOf(type: string): number {
  const found = bits.find(([one]) => one.test(type.toLowerCase()))?.[1] ?? 32
  return 2 ** (/unsigned/i.test(type) ? found : found - 1) - 1
}
