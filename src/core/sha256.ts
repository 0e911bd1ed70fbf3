/**
 * SHA-256 of a short text. Node's own needs the module `crypto`, whose loading takes 6 ms of a start, for one name of a folder.
 * For names only: nothing here is a secret.
 */

const words = 16
const blockBytes = 64
const lengthBytes = 8

// The first 32 bits of the fractional parts of the square roots of the first eight primes, and of the cube roots of the first 64. As a
// table: to compute them takes a millisecond of a start.
// biome-ignore format: a table
const initial: readonly number[] = [
  0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19,
]
// biome-ignore format: a table
const constants: readonly number[] = [
  0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
  0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
  0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
  0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
  0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
  0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
  0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
  0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
]

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
  const view = padded(text)
  let state = initial
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
