/**
 * Reads a multipart form while it arrives: files go to disk piece by piece, so that a form may be larger than the memory that is left and than
 * a frame.
 */
import type { WriteStream } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { extname, join } from 'node:path'
import type { Readable } from 'node:stream'
import { finished, pipeline } from 'node:stream/promises'
import { messageOf } from '../../index.js'
import {
  type FormBody,
  FormFault,
  type FormSettings,
  formParser,
  formText,
  isRefused,
  makeFolder,
  tooMany,
  type Upload,
  UploadError,
} from './body.js'
import { formTree } from './tree.js'

/** A form on its way. */
export interface FormStream {
  readonly contentType: string
  readonly stream: Readable
  /** The longest body; more is answered with 413. */
  readonly bytesMax: number
  /** Takes room in memory for the text of fields; false when there is none. */
  readonly takeRoom: (bytes: number) => boolean
  /** The most text of fields, which are handed over in one frame. */
  readonly fieldBytesMax: number
}

/** Reads the form. Rejects with a `FormFault` or with an `Error` and a sentence for the caller; then no file of it is left. */
export async function readFormStream(form: FormStream, settings: FormSettings): Promise<FormBody> {
  const { stream } = form
  const fields: [string, string][] = []
  const files: [string, Promise<Upload>][] = []
  const written: string[] = []
  const clean = async () => {
    for (const path of written) await settings.remove(path)
  }
  const store = (file: Readable, fileName: string, mime: string) => {
    const path = join(folderOf(settings), `upload${settings.newId()}`)
    return storeStream(file, { fileName, mime, path }, settings, () => written.push(path))
  }
  try {
    await parse(form, settings, fields, files, store)
    const uploads = await Promise.all(files.map(async ([name, upload]) => [name, await upload] as const))
    return {
      body: formText(fields, settings),
      isParsed: true,
      uploads: uploads.length === 0 ? undefined : JSON.stringify(formTree(uploads, 'first')),
      clean,
    }
  } catch (error) {
    stream.unpipe()
    stream.pause()
    await Promise.allSettled(files.map(([, upload]) => upload))
    await clean()
    throw error
  }
}

type Store = (file: Readable, fileName: string, mime: string) => Promise<Upload>

async function parse(
  { contentType, stream, bytesMax, takeRoom, fieldBytesMax }: FormStream,
  { uploads: { max_files: filesMax, max_fields: othersMax } }: FormSettings,
  fields: [string, string][],
  files: [string, Promise<Upload>][],
  store: Store,
): Promise<void> {
  const partsMax = filesMax + othersMax
  const parser = await formParser(contentType, { fieldSize: fieldBytesMax + 1, partsMax })
  let [fileCount, otherCount, bytes, fieldBytes] = [0, 0, 0, 0]
  await new Promise<void>((resolve, reject) => {
    const open = new Set<Readable>()
    const fail = (error: Error) => {
      stream.off('data', onData).off('close', onClose)
      stream.unpipe(parser)
      // Files of which the rest will not come.
      for (const file of open) file.destroy(error)
      reject(error)
    }
    const onData = (chunk: Buffer) => {
      bytes += chunk.length
      if (bytes > bytesMax) fail(new FormFault(413, `the body has more than ${bytesMax} bytes`))
    }
    const onClose = () => {
      if (!stream.readableEnded) fail(new Error('the client left before its body was read'))
    }
    if (stream.destroyed) {
      onClose()
      return
    }
    stream.on('data', onData).on('close', onClose)
    // Parts without a name are ignored, as in Go.
    parser.on('field', (name, value) => {
      otherCount += 1
      const size = Buffer.byteLength(name) + Buffer.byteLength(value)
      fieldBytes += size
      if (otherCount > othersMax) fail(tooMany('fields', othersMax, 'max_fields'))
      else if (fieldBytes > fieldBytesMax)
        fail(new FormFault(413, `the fields of the form have more than ${fieldBytesMax} bytes`))
      else if (!takeRoom(size)) fail(new FormFault(503, 'the server holds too many bodies already'))
      else if (name) fields.push([name, value])
    })
    parser.on('file', (name, file, fileName, _encoding, mime) => {
      open.add(file)
      file.once('close', () => open.delete(file))
      // A form that ends in the middle of a file fails as a whole, just below.
      file.on('error', () => undefined)
      if ((fileName ?? '') !== '') fileCount += 1
      else otherCount += 1
      if (fileCount > filesMax) fail(tooMany('files', filesMax, 'max_files'))
      else if (otherCount > othersMax) fail(tooMany('fields', othersMax, 'max_fields'))
      else if (name) files.push([name, store(file, fileName ?? '', mime)])
      else file.resume()
    })
    for (const limit of ['partsLimit', 'fieldsLimit', 'filesLimit'] as const)
      parser.on(limit, () => fail(tooMany('parts', partsMax, 'max_fields')))
    parser.on('error', (error) => fail(new Error(`the multipart form cannot be read: ${messageOf(error)}`)))
    parser.on('finish', () => {
      stream.off('data', onData).off('close', onClose)
      resolve()
    })
    stream.pipe(parser)
  })
}

interface NewFile {
  readonly fileName: string
  readonly mime: string
  readonly path: string
}

/** Writes a file as it comes. Never rejects: the code tells the worker what went wrong, as in PHP. */
async function storeStream(
  file: Readable,
  { fileName, mime, path }: NewFile,
  { uploads, remove }: FormSettings,
  onPath: () => void,
): Promise<Upload> {
  const upload = { name: fileName, mime, tmpName: '' }
  const without = async (error: number): Promise<Upload> => {
    let size = 0
    file.on('data', (chunk: Buffer) => {
      size += chunk.length
    })
    await finished(file).catch(() => undefined)
    return { ...upload, size, error }
  }
  if (fileName === '') return { ...(await without(UploadError.noFile)), size: 0 }
  if (isRefused(extname(fileName).toLowerCase(), uploads)) return without(UploadError.refused)
  try {
    await makeFolder(folderOf({ uploads }), uploads.owner)
  } catch {
    return without(UploadError.noFolder)
  }
  try {
    onPath()
    const target = await openOwned(path, uploads.owner)
    await pipeline(file, target)
    return { ...upload, size: target.bytesWritten, error: UploadError.none, tmpName: path }
  } catch {
    await remove(path)
    return without(UploadError.cannotWrite)
  }
}

/** Opens a file that is not there yet; its owner is changed by the descriptor, so that nobody can substitute another file. */
async function openOwned(path: string, owner: FormSettings['uploads']['owner']): Promise<WriteStream> {
  const file: FileHandle = await open(path, 'wx', 0o600)
  try {
    if (owner !== undefined) await file.chown(owner.uid, owner.gid)
  } catch (error) {
    await file.close()
    throw error
  }
  return file.createWriteStream()
}

function folderOf({ uploads }: Pick<FormSettings, 'uploads'>): string {
  return uploads.dir === '' ? tmpdir() : uploads.dir
}
