/** Tests which characters of a text reach a terminal. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { printable, printableJson, printableLines } from '../../cmd/output.js'

const cases: readonly [text: string, shown: string][] = [
  ['plain, größe, 漢字, 👩\u200d🚀', 'plain, größe, 漢字, 👩\u200d🚀'],
  ['\u001b[2J', '\\x1b[2J'],
  ['\u009b31m', '\\x9b31m'],
  ['\u007f\u0000\r\n\t', '\\x7f\\x00\\x0d\\x0a\\x09'],
  ['a\u202eb\u2066c\u061c', 'a\\u202eb\\u2066c\\u061c'],
  ['\u2028\ufeff', '\\u2028\\ufeff'],
  ['\ud800', '\\ud800'],
  ['\u{e0041}', '\\u{e0041}'],
]
test('characters that a terminal obeys, or that hide or turn text, are shown as their codes', () => {
  for (const [text, shown] of cases) assert.equal(printable(text), shown)
  assert.equal(printableLines('a\nb\u001b', '  '), 'a\n  b\\x1b')
})

test('JSON without such characters means the same', () => {
  for (const [text] of cases) {
    const json = printableJson({ [text]: [text] })
    assert.deepEqual(JSON.parse(json), { [text]: [text] })
    assert.doesNotMatch(json, /(?![\u200c\u200d])[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u)
  }
})
