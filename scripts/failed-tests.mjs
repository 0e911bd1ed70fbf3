/**
 * A reporter for Node's test runner that writes one line of JSON for each test that failed: its `file`, its `name` and the `error`
 * text. A test that failed only because one inside it did is left out. `scripts/test.mjs` reads the lines.
 */
export default async function* failedTests(events) {
  for await (const { type, data } of events) {
    if (type !== 'test:fail') continue
    const error = data.details?.error
    if (error?.failureType === 'subtestsFailed') continue
    const cause = error?.cause
    const text = cause?.stack ?? cause ?? error?.message ?? 'no reason given'
    yield `${JSON.stringify({ file: data.file ?? data.name, name: data.name, error: String(text) })}\n`
  }
}
