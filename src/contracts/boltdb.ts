/** Contract of RoadRunner's BoltDB files: plugins whose keys name one (`file: rr.db`) ask where the journal in its place is. */
import { serviceKey } from '../supervisor/plugins/keys.js'

/** The files. */
export interface BoltDbFiles {
  /**
   * Returns the folder of the journal for a file. Throws RR_BOLTDB_FILE when the file itself is there: it would hold data of RoadRunner's
   * that is not read.
   */
  folderOf(file: string): string
}

/** Key of the files. */
export const BoltDb = serviceKey<BoltDbFiles>('boltdb')
