/**
 * A request's body as a worker gets it: forms as a tree, uploads as files beside it, anything else as it came. The home of
 * @fastify/busboy, which is loaded for the first multipart body.
 */
import { chmod, mkdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { extname, join } from 'node:path'
import type { Readable } from 'node:stream'
import { messageOf } from '../../../index.js'
import { fieldsMax, formTree } from './tree.js'

/** RoadRunner's keys of `http.uploads`. */
export interface UploadSettings {
  /** Folder of the files; empty: the system's own for temporary files. */
  readonly dir: string
  /** File endings that are refused, e.g. `.php`. */
  readonly forbid: readonly string[]
  /** File endings that alone are taken; empty: all. */
  readonly allow: readonly string[]
}

/** A parsed body. */
export interface FormBody {
  readonly body: Buffer | string
  /** It was a form, and `body` is its tree as JSON. */
  readonly isParsed: boolean
  /** The tree of uploads as JSON; undefined when there are none. */
  readonly uploads: string | undefined
  /** Removes the files. Never rejects. */
  readonly clean: () => Promise<void>
}

/** PHP's codes of upload errors, as RoadRunner uses them. */
const UploadError = { none: 0, noFile: 4, cannotWrite: 7, refused: 8 } as const

interface Upload {
  readonly name: string
  readonly mime: string
  readonly size: number
  readonly error: number
  readonly tmpName: string
}

const nothingToClean = () => Promise.resolve()
const bodiless: ReadonlySet<string> = new Set(['HEAD', 'OPTIONS'])

/** Parses a body. Rejects with an `Error` and a sentence for the caller when a form cannot be read. */
export async function readBody(
  request: { readonly method: string; readonly contentType: string; readonly body: Buffer },
  settings: { readonly isRaw: boolean; readonly uploads: UploadSettings; readonly newId: () => string },
): Promise<FormBody> {
  const { method, contentType, body } = request
  const plain = { isParsed: false, uploads: undefined, clean: nothingToClean }
  if (bodiless.has(method)) return { ...plain, body: Buffer.alloc(0) }
  const type = contentType.toLowerCase()
  if (settings.isRaw) return { ...plain, body }
  if (type.includes('application/x-www-form-urlencoded'))
    return { ...plain, body: urlEncoded(body.toString('utf8')), isParsed: true }
  if (type.includes('multipart/form-data')) return multipart(contentType, body, settings)
  return { ...plain, body }
}

function urlEncoded(text: string): string {
  if (text === '') return ''
  const pairs = text.split('&', fieldsMax + 1).flatMap((pair) => {
    if (pair === '') return []
    const equals = pair.indexOf('=')
    const [name, value] = equals < 0 ? [pair, ''] : [pair.slice(0, equals), pair.slice(equals + 1)]
    return [[decoded(name), decoded(value)] as const]
  })
  return JSON.stringify(formTree(pairs))
}

function decoded(text: string): string {
  const spaced = text.replaceAll('+', ' ')
  try {
    return decodeURIComponent(spaced)
  } catch {
    throw new Error(`the form holds ${JSON.stringify(text.slice(0, 40))}, which is not percent-encoded text`)
  }
}

async function multipart(
  contentType: string,
  body: Buffer,
  settings: { readonly uploads: UploadSettings; readonly newId: () => string },
): Promise<FormBody> {
  const { Busboy } = await import('@fastify/busboy')
  const fields: [string, string][] = []
  const files: [string, Promise<Upload>][] = []
  await new Promise<void>((resolve, reject) => {
    const limits = { fieldSize: body.length, fields: fieldsMax, files: fieldsMax, parts: fieldsMax }
    const parser = new Busboy({ headers: { 'content-type': contentType }, limits })
    parser.on('field', (name, value) => fields.push([name, value]))
    parser.on('file', (name, stream, fileName, _encoding, mime) => {
      files.push([name, collect(stream).then((bytes) => store({ fileName, mime, bytes }, settings))])
    })
    parser.on('error', (error) => reject(new Error(`the multipart form cannot be read: ${messageOf(error)}`)))
    parser.on('finish', resolve)
    parser.end(body)
  })
  const uploads = await Promise.all(files.map(async ([name, file]) => [name, await file] as const))
  return {
    body: fields.length === 0 ? '' : JSON.stringify(formTree(fields)),
    isParsed: true,
    uploads: uploads.length === 0 ? undefined : JSON.stringify(formTree(uploads)),
    clean: async () => {
      for (const [, { tmpName }] of uploads) if (tmpName !== '') await rm(tmpName, { force: true })
    },
  }
}

async function collect(stream: Readable): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of stream) chunks.push(chunk)
  return Buffer.concat(chunks)
}

async function store(
  file: { readonly fileName: string | undefined; readonly mime: string; readonly bytes: Buffer },
  { uploads, newId }: { readonly uploads: UploadSettings; readonly newId: () => string },
): Promise<Upload> {
  const { fileName, mime, bytes } = file
  const upload = { name: fileName ?? '', mime, size: bytes.length, tmpName: '' }
  if (!fileName) return { ...upload, size: 0, error: UploadError.noFile }
  const ending = extname(fileName).toLowerCase()
  const isRefused =
    uploads.forbid.includes(ending) || (uploads.allow.length > 0 && !uploads.allow.includes(ending))
  if (isRefused) return { ...upload, error: UploadError.refused }
  const folder = uploads.dir === '' ? tmpdir() : uploads.dir
  const path = join(folder, `upload${newId()}`)
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 })
    await writeFile(path, bytes, { flag: 'wx', mode: 0o600 })
    await chmod(path, 0o600)
    return { ...upload, error: UploadError.none, tmpName: path }
  } catch {
    // The worker is told by the code, as PHP tells it.
    return { ...upload, error: UploadError.cannotWrite }
  }
}
