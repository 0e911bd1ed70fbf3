/** Limits the bytes of bodies that the emulator holds at once. Each request has a share; a share for which there is no room is refused. */

/** Room of all shares together. */
export class BodyRoom {
  readonly #bytesMax: number
  #bytes = 0

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax
  }

  /** Bytes that are held at present. */
  get bytes(): number {
    return this.#bytes
  }

  /** Makes an empty share. */
  share(): BodyShare {
    let held = 0
    let isReleased = false
    const clear = () => {
      this.#bytes -= held
      held = 0
    }
    const add = (bytes: number) => {
      if (isReleased) return
      held += bytes
      this.#bytes += bytes
    }
    return {
      take: (bytes) => {
        if (isReleased || this.#bytes + bytes > this.#bytesMax) return false
        add(bytes)
        return true
      },
      add,
      clear,
      release: () => {
        isReleased = true
        clear()
      },
    }
  }
}

/** Bytes that one request holds. */
export interface BodyShare {
  /** Takes so many bytes; false when there is no room for them, and nothing is taken. */
  take(bytes: number): boolean
  /** Counts bytes that are held already, even beyond the limit: other requests are refused until they are released. */
  add(bytes: number): void
  /** Releases all bytes. */
  clear(): void
  /** Releases all bytes, and ignores further ones. */
  release(): void
}
