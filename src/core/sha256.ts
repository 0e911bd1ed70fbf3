/**
 * SHA-256 of a short text. Node's own needs the module `crypto`, whose loading takes 6 ms of a start, for one name of a folder.
 * For names only: nothing here is a secret.
 */

const words = 16
const blockBytes = 64
const lengthBytes = 8

/** The first 32 bits of the fractional part of the roots of the first primes. */
function fractions(count: number, root: number): readonly number[] {
  const found: number[] = []
  for (let number = 2; found.length < count; number += 1) {
    let isPrime = true
    for (let divisor = 2; divisor * divisor <= number; divisor += 1) isPrime &&= number % divisor !== 0
    if (isPrime) found.push(((number ** (1 / root) % 1) * 2 ** 32) | 0)
  }
  return found
}

function rotate(value: number, by: number): number {
  return (value >>> by) | (value << (32 - by))
}

/** Text and padding: a 1 bit, zeros, and the length in bits. */
function padded(text: string): DataView {
  const bytes = Buffer.from(text)
  const blocks = Math.ceil((bytes.length + 1 + lengthBytes) / blockBytes)
  const whole = Buffer.alloc(blocks * blockBytes)
  bytes.copy(whole)
  whole[bytes.length] = 0x80
  whole.writeUInt32BE(bytes.length * 8, whole.length - 4)
  return new DataView(whole.buffer, whole.byteOffset, whole.length)
}

/** The 64 words that one block is mixed with. */
function schedule(view: DataView, start: number): readonly number[] {
  const found = Array.from({ length: words }, (_, at) => view.getInt32(start + 4 * at))
  const word = (at: number) => found[at] ?? 0
  for (let at = words; at < blockBytes; at += 1) {
    const [a, b] = [word(at - 15), word(at - 2)]
    const s0 = rotate(a, 7) ^ rotate(a, 18) ^ (a >>> 3)
    const s1 = rotate(b, 17) ^ rotate(b, 19) ^ (b >>> 10)
    found.push((word(at - 16) + s0 + word(at - 7) + s1) | 0)
  }
  return found
}

/** Returns the digest in lower-case hexadecimal digits. */
export function sha256(text: string): string {
  const constants = fractions(blockBytes, 3)
  const view = padded(text)
  let state = fractions(8, 2)
  for (let start = 0; start < view.byteLength; start += blockBytes) {
    let [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0, g = 0, h = 0] = state
    for (const [at, word] of schedule(view, start).entries()) {
      const s1 = rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25)
      const t1 = (h + s1 + ((e & f) ^ (~e & g)) + (constants[at] ?? 0) + word) | 0
      const s0 = rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22)
      const t2 = (s0 + ((a & b) ^ (a & c) ^ (b & c))) | 0
      ;[h, g, f, e, d, c, b, a] = [g, f, e, (d + t1) | 0, c, b, a, (t1 + t2) | 0]
    }
    const mixed = [a, b, c, d, e, f, g, h]
    state = state.map((word, at) => (word + (mixed[at] ?? 0)) | 0)
  }
  return state.map((word) => (word >>> 0).toString(16).padStart(8, '0')).join('')
}
