/** Folders of the journals that stand for RoadRunner's BoltDB files, which are never opened. */
import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { type BoltDbFiles, ErrorCode, RelayError } from '../../index.js'
import { boltDbPart } from './part.js'

/** Makes the service. `ignoresExisting`: a file that is there stays unread. */
export function boltDbFiles(ignoresExisting: boolean): BoltDbFiles {
  return {
    folderOf: (file) => {
      const fault = ignoresExisting ? undefined : boltDbFileFault(file)
      if (fault !== undefined) throw fault
      return `${file}.journal`
    },
  }
}

/** Returns the fault of a file that is there, where paths begin in `cwd`; undefined when there is none. Without a name it is the default's. */
export function boltDbFileFault(
  file: string = boltDbPart.properties.file.default,
  cwd = '.',
): RelayError | undefined {
  if (!existsSync(resolve(cwd, file))) return undefined
  const what = `${file} may hold data of RoadRunner's, which would not be read: \`boltdb\` is a journal here, in ${file}.journal`
  return new RelayError(ErrorCode.BoltDbFile, what, {
    hint: 'Drain it first: push no more, let RoadRunner consume its pipelines until `rr jobs list` shows no job, stop it, and move the file away. To go on without what is in it, set `boltdb.ignore_existing: true`.',
  })
}
