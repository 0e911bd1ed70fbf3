/** Makes a tar archive (ustar) of small texts. Pure. */

const blockBytes = 512
const checksumAt = 148
const checksumBytes = 8

/** Returns the archive: each text as a file of the folder. Names have at most 100 bytes with the folder's. */
export function tar(folder: string, files: ReadonlyMap<string, string>, nowMs: number): Buffer {
  const parts = [...files].flatMap(([name, text]) => {
    const body = Buffer.from(text)
    return [header(`${folder}/${name}`, body.length, nowMs), body, padding(body.length)]
  })
  return Buffer.concat([...parts, Buffer.alloc(2 * blockBytes)])
}

function header(name: string, bytes: number, nowMs: number): Buffer {
  const block = Buffer.alloc(blockBytes)
  const octal = (value: number, length: number) => `${value.toString(8).padStart(length - 1, '0')}\0`
  let at = 0
  const put = (text: string, length: number) => {
    block.write(text, at, length, 'utf8')
    at += length
  }
  put(name, 100)
  put(octal(0o600, 8), 8)
  put(octal(0, 8), 8)
  put(octal(0, 8), 8)
  put(octal(bytes, 12), 12)
  put(octal(Math.floor(nowMs / 1000), 12), 12)
  put(' '.repeat(checksumBytes), checksumBytes)
  put('0', 1)
  put('', 100)
  put('ustar\x0000', 8)
  const sum = block.reduce((total, byte) => total + byte, 0)
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, checksumAt, checksumBytes, 'latin1')
  return block
}

function padding(bytes: number): Buffer {
  return Buffer.alloc((blockBytes - (bytes % blockBytes)) % blockBytes)
}
