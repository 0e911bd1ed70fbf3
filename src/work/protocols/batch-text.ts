/** Builds the JSON text of a batch: the event of its source with some records in their places. Pure. */

/** A record in its list. */
export interface PlacedText {
  readonly place: readonly [key: string, group?: string]
  /** JSON of the record; empty text leaves the list empty. */
  readonly text: string
}

/** Builds an event from these records and `shared`, the other members of a JSON object without its braces. */
export function batchText(shared: string, records: readonly PlacedText[]): string {
  const groups = new Map<string | undefined, string[]>()
  for (const { place, text } of records) {
    const group = groups.get(place[1]) ?? []
    groups.set(place[1], group)
    if (text !== '') group.push(text)
  }
  const key = records[0]?.place[0] ?? 'Records'
  const lists = [...groups].map(([group, texts]) => {
    const list = `[${texts.join(',')}]`
    return group === undefined ? list : memberText(group, list)
  })
  const value = groups.has(undefined) ? lists.join('') : `{${lists.join(',')}}`
  return `{${shared === '' ? '' : `${shared},`}${memberText(key, value)}}`
}

/** JSON of one member of an object. */
export function memberText(key: string, text: string): string {
  return `${JSON.stringify(key)}:${text}`
}
