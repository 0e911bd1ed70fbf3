/**
 * Reads a request's body for a worker: forms as a tree, uploads as files, any other body unchanged. The home of
 * @fastify/busboy, which is loaded for the first multipart body.
 */
import { chmod, lchown, mkdir, open } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { extname, join } from 'node:path'
import type { Readable } from 'node:stream'
import { messageOf } from '../../index.js'
import { unescapeQuery } from './text.js'
import { fieldsMax, formTree } from './tree.js'
import type { RemoveUpload } from './upload-removal.js'

/** RoadRunner's keys of `http.uploads`. */
export interface UploadSettings {
  /** Folder of the files; empty: the system's own for temporary files. */
  readonly dir: string
  /** File extensions that are refused, e.g. `.php`. */
  readonly forbid: readonly string[]
  /** The only file extensions that are accepted; empty: all. */
  readonly allow: readonly string[]
  /** Maximum number of files of a form; fields left blank do not count. */
  readonly max_files: number
  /** Maximum number of other parts of a form. */
  readonly max_fields: number
  /** Owner of the files; the server's user when absent. */
  readonly owner?: FileOwner | undefined
}

/** The user that workers run as. */
interface FileOwner {
  readonly uid: number
  readonly gid: number
}

/** A form that is refused with a status of its own. */
export class FormFault extends Error {
  readonly status: number

  constructor(status: number, text: string) {
    super(text)
    this.status = status
  }
}

/** Options of reading forms. */
export interface FormSettings {
  readonly uploads: UploadSettings
  /** Names a file. */
  readonly newId: () => string
  readonly remove: RemoveUpload
  /** The body of a form without fields: RoadRunner's older servers, which spoke JSON, sent `{}`, newer ones send nothing. */
  readonly emptyForm: '' | '{}'
  /** Aborts at the time limit: reading ends, and the files written so far are removed. */
  readonly signal?: AbortSignal
}

/** A parsed body. */
export interface FormBody {
  readonly body: Buffer | string
  /** True when the body was a form; `body` is its tree as JSON. */
  readonly isParsed: boolean
  /** The tree of uploads as JSON; undefined when there are none. */
  readonly uploads: string | undefined
  /** Removes the files. Never rejects. */
  readonly clean: () => Promise<void>
}

/** PHP's codes of upload errors, as RoadRunner uses them. */
export const UploadError = { none: 0, noFile: 4, noFolder: 6, cannotWrite: 7, refused: 8 } as const

/** An uploaded file as workers are told it. */
export interface Upload {
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
  settings: FormSettings & { readonly isRaw: boolean },
): Promise<FormBody> {
  const { method, contentType, body } = request
  const plain = { isParsed: false, uploads: undefined, clean: nothingToClean }
  if (bodiless.has(method)) return { ...plain, body: Buffer.alloc(0) }
  const type = contentType.toLowerCase()
  if (settings.isRaw) return { ...plain, body }
  if (type.includes('application/x-www-form-urlencoded'))
    return { ...plain, body: urlEncoded(body.toString('utf8'), settings), isParsed: true }
  if (type.includes('multipart/form-data')) return multipart(contentType, body, settings)
  return { ...plain, body }
}

function urlEncoded(text: string, settings: FormSettings): string {
  const pairs: (readonly [string, string])[] = []
  for (let at = 0; at < text.length; ) {
    const ampersand = text.indexOf('&', at)
    const end = ampersand < 0 ? text.length : ampersand
    if (end > at) pairs.push(pairOf(text.slice(at, end)))
    // One more than is taken, so that the tree refuses it; nobody needs the rest.
    if (pairs.length > fieldsMax) break
    at = end + 1
  }
  return formText(pairs, settings)
}

function pairOf(pair: string): readonly [string, string] {
  const equals = pair.indexOf('=')
  const [name, value] = equals < 0 ? [pair, ''] : [pair.slice(0, equals), pair.slice(equals + 1)]
  return [decoded(name), decoded(value)]
}

function decoded(text: string): string {
  const plain = unescapeQuery(text)
  if (plain !== undefined) return plain
  throw new Error(`the form holds ${JSON.stringify(text.slice(0, 40))}, which is not percent-encoded text`)
}

/** The tree of a form as JSON. */
export function formText(pairs: readonly (readonly [string, string])[], { emptyForm }: FormSettings): string {
  return pairs.length === 0 ? emptyForm : JSON.stringify(formTree(pairs))
}

async function multipart(contentType: string, body: Buffer, settings: FormSettings): Promise<FormBody> {
  const { fields, files } = await readParts(contentType, body, settings)
  // All checks that throw come before the first file is written.
  const tree = formText(fields, settings)
  formTree(files)
  const uploads: (readonly [string, Upload])[] = []
  const clean = async () => {
    for (const [, { tmpName }] of uploads) if (tmpName !== '') await settings.remove(tmpName)
  }
  // One after the other: a form with many files must not occupy all threads of the pool.
  for (const [name, file] of files) {
    uploads.push([name, await store(file, settings)])
    if (settings.signal?.aborted !== true) continue
    await clean()
    throw overTime()
  }
  return {
    body: tree,
    isParsed: true,
    uploads: uploads.length === 0 ? undefined : JSON.stringify(formTree(uploads, 'first')),
    clean,
  }
}

interface File {
  readonly fileName: string
  readonly mime: string
  readonly bytes: Buffer
}

interface Parts {
  readonly fields: readonly (readonly [string, string])[]
  readonly files: readonly (readonly [string, File])[]
}

async function readParts(contentType: string, body: Buffer, settings: FormSettings): Promise<Parts> {
  const { max_files: filesMax, max_fields: othersMax } = settings.uploads
  const partsMax = filesMax + othersMax
  const parser = await formParser(contentType, { fieldSize: body.length + 1, partsMax })
  const fields: [string, string][] = []
  const files: [string, Promise<File>][] = []
  let [fileCount, otherCount] = [0, 0]
  await new Promise<void>((resolve, reject) => {
    const refuse = (why: string) => reject(new Error(`the multipart form cannot be read: ${why}`))
    const count = (isFile: boolean): boolean => {
      if (isFile) fileCount += 1
      else otherCount += 1
      if (fileCount > filesMax) reject(tooMany('files', filesMax, 'max_files'))
      else if (otherCount > othersMax) reject(tooMany('fields', othersMax, 'max_fields'))
      else return true
      return false
    }
    // Parts without a name are ignored, as in Go.
    parser.on('field', (name, value) => count(false) && name && fields.push([name, value]))
    parser.on('file', (name, stream, fileName, _encoding, mime) => {
      const file = collect(stream).then((bytes) => ({ fileName: fileName ?? '', mime, bytes }))
      // A form that ends in the middle of a file fails as a whole, just below.
      file.catch(() => undefined)
      if (count((fileName ?? '') !== '') && name) files.push([name, file])
    })
    for (const limit of ['partsLimit', 'fieldsLimit', 'filesLimit'] as const)
      parser.on(limit, () => reject(tooMany('parts', partsMax, 'max_fields')))
    parser.on('error', (error) => refuse(messageOf(error)))
    parser.on('finish', resolve)
    const isOver = () => fileCount > filesMax || otherCount > othersMax || settings.signal?.aborted === true
    void feed(parser, body, isOver).then((isWhole) => {
      if (!isWhole) reject(overTime())
    }, reject)
  })
  return { fields, files: await Promise.all(files.map(async ([name, file]) => [name, await file] as const)) }
}

/** Makes a parser of multipart forms. */
export async function formParser(
  contentType: string,
  { fieldSize, partsMax }: { readonly fieldSize: number; readonly partsMax: number },
) {
  const { Busboy } = await import('@fastify/busboy')
  return new Busboy({
    headers: { 'content-type': contentType },
    limits: { fieldSize, fields: partsMax, files: partsMax, parts: partsMax },
    isPartAFile: (_name, _mime, fileName) => fileName !== undefined,
  })
}

// Bytes that are parsed in one turn of the event loop: some milliseconds, even for many tiny parts.
const sliceBytes = 32 * 1024

/** Writes a body to its parser, a slice a turn, while it is not over; returns whether all of it was written. */
async function feed(
  parser: { write(bytes: Buffer): boolean; end(): unknown },
  body: Buffer,
  isOver: () => boolean,
): Promise<boolean> {
  for (let at = 0; at < body.length; at += sliceBytes) {
    if (isOver()) return false
    parser.write(body.subarray(at, at + sliceBytes))
    await new Promise<void>((resolve) => setImmediate(resolve))
  }
  parser.end()
  return true
}

/** Makes the fault of a form with too many parts of a kind. */
export function tooMany(what: string, max: number, key: string): FormFault {
  return new FormFault(413, `the multipart form has more than ${max} ${what} (uploads.${key})`)
}

function overTime(): FormFault {
  return new FormFault(503, 'the multipart form could not be read in the time that was left')
}

async function collect(stream: Readable): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of stream) chunks.push(chunk)
  return Buffer.concat(chunks)
}

async function store(
  { fileName, mime, bytes }: File,
  { uploads, newId, remove }: FormSettings,
): Promise<Upload> {
  const upload = { name: fileName, mime, size: bytes.length, tmpName: '' }
  if (fileName === '') return { ...upload, size: 0, error: UploadError.noFile }
  if (isRefused(extname(fileName).toLowerCase(), uploads)) return { ...upload, error: UploadError.refused }
  const folder = uploads.dir === '' ? tmpdir() : uploads.dir
  const path = join(folder, `upload${newId()}`)
  // The code tells the worker what went wrong, as in PHP.
  try {
    await makeFolder(folder, uploads.owner)
  } catch {
    return { ...upload, error: UploadError.noFolder }
  }
  try {
    await writeOwned(path, bytes, uploads.owner)
    return { ...upload, error: UploadError.none, tmpName: path }
  } catch {
    await remove(path)
    return { ...upload, error: UploadError.cannotWrite }
  }
}

/** Makes the folder of uploads. One that is there already stays as it is. */
export async function makeFolder(folder: string, owner: FileOwner | undefined): Promise<void> {
  // The worker's user has to pass the folders above its own.
  const made = await mkdir(folder, { recursive: true, mode: owner === undefined ? 0o700 : 0o711 })
  if (made === undefined || owner === undefined) return
  await lchown(folder, owner.uid, owner.gid)
  await chmod(folder, 0o700)
}

/** Writes a file and changes its owner by its descriptor, so that no other user of the folder can substitute another file. */
async function writeOwned(path: string, bytes: Buffer, owner: FileOwner | undefined): Promise<void> {
  const file = await open(path, 'wx', 0o600)
  try {
    await file.writeFile(bytes)
    if (owner !== undefined) await file.chown(owner.uid, owner.gid)
  } finally {
    await file.close()
  }
}

/** True for a file whose extension is not taken. */
export function isRefused(ending: string, { forbid, allow }: UploadSettings): boolean {
  return forbid.includes(ending) || (allow.length > 0 && !allow.includes(ending))
}
