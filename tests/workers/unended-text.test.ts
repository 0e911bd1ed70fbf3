import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { job, startPool, textOf } from '../helpers/pool.js'
import { fixture, missing } from '../helpers/project.js'
import { testFolder } from '../helpers/rr.js'
import { eventually } from '../helpers/wait.js'

const languages: readonly (readonly [name: string, skip: string | false, command: readonly string[]])[] = [
  ['Node', false, [process.execPath, fixture('sdk', 'writes.mjs')]],
  ['Python', missing('python3'), ['python3', fixture('sdk', 'writes.py')]],
  ['PHP', missing('php'), ['php', fixture('sdk', 'writes.php')]],
]

type Text = string | Buffer

interface Written {
  readonly now?: Text
  readonly soon?: Text
  readonly later?: Text
}

const [start, end] = [Buffer.from([0xe2, 0x82]), Buffer.from([0xac])]
const grown = (text: string, bytes: Buffer) => Buffer.concat([Buffer.from(text), bytes])
/** Jobs that run one after the other, with the lines of each. */
const rows: readonly (readonly [what: string, written: Written, lines: readonly string[]])[] = [
  ['a line end that is missing', { now: 'half' }, ['half']],
  ['whole lines and a half one', { now: 'one\ntwo\nhalf' }, ['one', 'two', 'half']],
  ['a progress bar', { now: '10 %\r20 %\r30 %' }, ['10 %\r20 %\r30 %']],
  ['a carriage return at the end', { now: '40 %\r' }, ['40 %']],
  ['Windows line ends', { now: 'one\r\ntwo\r\n' }, ['one', 'two']],
  ['a Windows line end that is cut', { now: 'one\r\ntwo\r' }, ['one', 'two']],
  ['the other half of it', { now: '\nthree' }, ['three']],
  ['a character that is whole', { now: 'zwei €' }, ['zwei €']],
  ['a character that is cut', { now: grown('zwei ', start) }, ['zwei \ufffd']],
  ['the rest of that character', { now: Buffer.concat([end, Buffer.from(' drei')]) }, ['\ufffd drei']],
  ['a text from the background', { soon: 'behind' }, ['behind']],
  ['a line and a text from the background', { now: 'before\n', soon: 'behind' }, ['before', 'behind']],
  ['a character of two writes', { now: grown('two ', start), soon: end }, ['two €']],
  ['nothing', {}, []],
]

function jobOf({ now, soon, later }: Written, more: object, id: string) {
  const texts = Object.entries({ now, soon, later }).flatMap(([key, text]) => {
    return text === undefined ? [] : [[key, Buffer.from(text).toString('base64')]]
  })
  return job(JSON.stringify({ ...Object.fromEntries(texts), ...more }), id)
}

for (const [name, skip, command] of languages) {
  for (const output of ['stdout', 'stderr'])
    test(`${name}: text without a line end on ${output} is a line of its own job`, { skip }, async (t) => {
      const { pool, lines } = await startPool(t, command)
      for (const [what, written] of rows) {
        // Of PHP's children only standard error is ours, so both halves of a character go there.
        const isMixed = name === 'PHP' && written.now !== undefined && written.soon !== undefined
        const more = { output: isMixed ? 'stderr' : output }
        assert.equal(textOf(await pool.run(jobOf(written, more, what))), 'done')
      }
      await pool.run(jobOf({}, {}, 'last'))
      const expected = rows.flatMap(([what, , texts]) => texts.map((text) => [what, text]))
      assert.deepEqual(
        lines.map((line) => [line.job, line.text]),
        expected,
      )
    })

  test(`${name}: what goes on in the background after the answer is not a line of the next job`, {
    skip,
  }, async (t) => {
    const mark = join(await testFolder(t), 'mark')
    const { pool, lines } = await startPool(t, command)
    await pool.run(jobOf({ now: 'own', later: 'after the answer' }, { mark }, 'first'))
    await eventually(() => existsSync(mark))
    await pool.run(jobOf({ now: 'own, too' }, {}, 'second'))
    assert.deepEqual(
      lines.map((line) => [line.job, line.text]),
      [
        ['first', 'own'],
        [undefined, 'after the answer'],
        ['second', 'own, too'],
      ],
    )
  })
}
