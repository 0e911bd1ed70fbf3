/** The middleware `static`: files of a folder, before a worker is asked. */
import { statSync } from 'node:fs'
import { extname, join, resolve } from 'node:path'
import type { HttpMiddleware } from '../../../index.js'
import { fileSender } from '../../../work/http/index.js'
import type { HttpConfig } from '../section.js'

// Most paths are not files, and the same few are asked for again and again.
const knownMax = 1000
const knownForMs = 1000

/** Makes the middleware. A path that is not a file, or whose extension is not served, goes on to the workers. */
export async function staticFiles(
  config: HttpConfig['static'],
  nowMs: () => number,
): Promise<HttpMiddleware> {
  const root = resolve(config.dir)
  // An ETag of `send` is weak, made of size and time; without it `Last-Modified` is the validator.
  const send = await fileSender({ root, hasDotFiles: true, etag: config.calculate_etag })
  const forbidden = new Set(config.forbid.map((ending) => ending.toLowerCase()))
  const allowed = new Set(config.allow.map((ending) => ending.toLowerCase()))
  const files = new FileMemory(root, nowMs)
  const response = Object.entries(config.response)
  const request = Object.entries(config.request)
  return {
    name: 'static',
    handle(asked, answer, next) {
      const path = pathOf(asked.url ?? '/')
      const isRead = asked.method === 'GET' || asked.method === 'HEAD'
      const ending = path === undefined ? '' : extname(path).toLowerCase()
      const isServed = !forbidden.has(ending) && (allowed.size === 0 || allowed.has(ending))
      if (path === undefined || !isRead || !isServed || !files.has(path)) return next()
      for (const [name, value] of request) asked.headers[name.toLowerCase()] = value
      for (const [name, value] of response) answer.setHeader(name, value)
      send(asked, answer, encodeURI(path).replace(/[?#]/g, encodeURIComponent), () => next())
    },
  }
}

/** The decoded path of a request; undefined for one that cannot name a file. */
function pathOf(url: string): string | undefined {
  const path = url.replace(/[?#].*$/s, '')
  if (!path.startsWith('/')) return undefined
  try {
    const decoded = decodeURIComponent(path)
    // Names that begin with a dot hold secrets; certificate authorities look for proofs in one of them.
    return /\0|\/\.(?!well-known\/)|\\/.test(decoded) ? undefined : decoded
  } catch {
    return undefined
  }
}

/** Remembers for a second which paths are files. */
class FileMemory {
  readonly #root: string
  readonly #nowMs: () => number
  readonly #known = new Map<string, boolean>()
  #sinceMs = Number.NEGATIVE_INFINITY

  constructor(root: string, nowMs: () => number) {
    this.#root = root
    this.#nowMs = nowMs
  }

  has(path: string): boolean {
    const nowMs = this.#nowMs()
    if (nowMs - this.#sinceMs > knownForMs || this.#known.size >= knownMax) {
      this.#known.clear()
      this.#sinceMs = nowMs
    }
    const known = this.#known.get(path)
    if (known !== undefined) return known
    const isFile = this.#look(path)
    this.#known.set(path, isFile)
    return isFile
  }

  /** A call that waits costs less than one that does not: it is answered from the system's memory. */
  #look(path: string): boolean {
    if (path.endsWith('/')) return false
    try {
      return statSync(join(this.#root, path), { throwIfNoEntry: false })?.isFile() === true
    } catch {
      // A name that is too long, or a folder that may not be searched.
      return false
    }
  }
}
