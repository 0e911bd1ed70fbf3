/** The middleware `static`: files of a folder, before a worker is asked. */
import { statSync } from 'node:fs'
import { extname, join, resolve } from 'node:path'
import { fileSender } from '../../../work/http/index.js'
import type { HttpConfig } from '../section.js'
import type { BuiltInMiddleware } from './plain-part.js'

// Most paths are not files, and the same few are asked for again and again.
const knownMax = 1000
const knownForMs = 1000

/** Makes the middleware. A path that is not a file, or whose extension is not served, goes on to the workers. */
export async function staticFiles(
  config: HttpConfig['static'],
  nowMs: () => number,
): Promise<BuiltInMiddleware> {
  const root = resolve(config.dir)
  // An ETag of `send` is weak, made of size and time; without it `Last-Modified` is the validator.
  const send = await fileSender({ root, hasDotFiles: true, etag: config.calculate_etag })
  const forbidden = new Set(config.forbid.map((ending) => ending.toLowerCase()))
  const allowed = new Set(config.allow.map((ending) => ending.toLowerCase()))
  const files = new FileMemory(root, nowMs)
  const response = Object.entries(config.response)
  const request = Object.entries(config.request)
  const served = (method: string, target: string): string | undefined => {
    if (method !== 'GET' && method !== 'HEAD') return undefined
    const path = pathOf(target)
    if (path === undefined) return undefined
    const ending = extname(path).toLowerCase()
    if (forbidden.has(ending) || (allowed.size > 0 && !allowed.has(ending))) return undefined
    return files.has(path) ? path : undefined
  }
  return {
    name: 'static',
    plain: { answers: ({ method, target }) => served(method, target) !== undefined },
    handle(asked, answer, next) {
      const path = served(asked.method ?? 'GET', asked.url ?? '/')
      if (path === undefined) return next()
      for (const [name, value] of request) asked.headers[name.toLowerCase()] = value
      for (const [name, value] of response) answer.setHeader(name, value)
      send(asked, answer, encodeURI(path).replace(/[?#]/g, encodeURIComponent), () => next())
    },
  }
}

/** The decoded path of a request; undefined for one that cannot name a file. */
function pathOf(url: string): string | undefined {
  const end = url.search(/[?#]/)
  const path = end < 0 ? url : url.slice(0, end)
  if (!path.startsWith('/')) return undefined
  // Most paths are letters, slashes and a dot within a name.
  if (/^[\w/-]*(?:\w\.\w+)?$/.test(path)) return path
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
