/** Folders of the journals that stand for RoadRunner's BoltDB files, which are never opened. */
import { existsSync } from 'node:fs'
import { type BoltDbFiles, ErrorCode, RelayError } from '../../index.js'

/** Makes the service. `ignoresExisting`: a file that is there stays unread. */
export function boltDbFiles(ignoresExisting: boolean): BoltDbFiles {
  return {
    folderOf: (file) => {
      if (!ignoresExisting && existsSync(file)) throw stillThere(file)
      return `${file}.journal`
    },
  }
}

function stillThere(file: string): RelayError {
  const what = `${file} may hold data of RoadRunner's, which would not be read: \`boltdb\` is a journal here, in ${file}.journal`
  return new RelayError(ErrorCode.BoltDbFile, what, {
    hint: 'Drain it first: push no more, let RoadRunner consume its pipelines until `rr jobs list` shows no job, stop it, and move the file away. To go on without what is in it, set `boltdb.ignore_existing: true`.',
  })
}
