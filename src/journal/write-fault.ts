/** Faults of writes to a journal. Pure. */
import { ErrorCode, messageOf, RelayError } from '../core/errors.js'

const noRoomCodes: readonly unknown[] = ['ENOSPC', 'EDQUOT', 'EFBIG']

/** True for an error that goes away once there is room. */
export function isNoRoom(error: unknown): boolean {
  return error instanceof Error && 'code' in error && noRoomCodes.includes(error.code)
}

/** The disk, or the journal's own limit, is full. */
export function journalFull(folder: string, why: string, cause?: unknown): RelayError {
  return new RelayError(ErrorCode.JournalFull, `the journal ${folder} takes no more: ${why}`, {
    hint: 'Nothing that it took is lost. Make room, or let workers take jobs out.',
    cause,
  })
}

/** The disk failed: whether the last bytes lie on it is unknown. */
export function journalFailed(folder: string, cause: unknown): RelayError {
  return new RelayError(
    ErrorCode.JournalFailed,
    `the journal ${folder} cannot be written any more: ${messageOf(cause)}`,
    { hint: 'Check the disk, and restart the server: it reads back all that was acknowledged.', cause },
  )
}
