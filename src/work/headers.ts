/** Headers of a message. */

/** Header values by name, as RoadRunner's jobs carry them. */
export type Headers = Readonly<Record<string, readonly string[]>>
