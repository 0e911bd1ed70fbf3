import assert from 'node:assert/strict'
import { test } from 'node:test'
import { nearestName } from '../../config/validation/nearest.js'
import { expandText } from '../../config/yaml/expand.js'
import { commandWords, shellWord } from '../../src/core/command-words.js'
import { parseDuration, parseSize } from '../../src/schema/units.js'

const commands: readonly [text: string, words: readonly string[] | undefined][] = [
  ['php worker.php', ['php', 'worker.php']],
  ['  php   a  ', ['php', 'a']],
  [`php 'a b' "c d" e\\ f`, ['php', 'a b', 'c d', 'e f']],
  [`php "a \\"b\\" \\n"`, ['php', 'a "b" \\n']],
  [`php '' ""`, ['php', '', '']],
  ['echo $HOME `id` $(id) ; rm *', ['echo', '$HOME', '`id`', '$(id)', ';', 'rm', '*']],
  [`php 'open`, undefined],
  ['', []],
]
test('a command is split as a shell quotes, and nothing in it is interpreted', () => {
  for (const [text, words] of commands) assert.deepEqual(commandWords(text), words, text)
})

const literal: readonly [text: string, words: readonly string[]][] = [
  ['php ~/a.php', ['php', '~/a.php']],
  ['php *.php a?b', ['php', '*.php', 'a?b']],
  ['A=1 php a', ['A=1', 'php', 'a']],
  ['php a && php b', ['php', 'a', '&&', 'php', 'b']],
  ['php a | tee b', ['php', 'a', '|', 'tee', 'b']],
  ['php a>b 2>&1', ['php', 'a>b', '2>&1']],
  [`php a'b'"c"`, ['php', 'abc']],
  ['a\\b', ['ab']],
]
test('what a shell would expand or run stays as it was written', () => {
  for (const [text, words] of literal) assert.deepEqual(commandWords(text), words, text)
})

const forShells: readonly [text: string, word: string | undefined][] = [
  ['php a && php b', '&&'],
  ['php a&&php b', 'a&&php'],
  ['php a | tee b', '|'],
  ['php a > log', '>'],
  ['php a 2>&1', '2>&1'],
  ['php a; php b', 'a;'],
  ['php a &', '&'],
  ['APP_ENV=prod php a', 'APP_ENV=prod'],
  ['php ~/a.php', '~/a.php'],
  ['php $(which a)', '$(which'],
  ['php `which a`', '`which'],
  ['php a --env=prod A=1', undefined],
  ['php a "&&" \\> \'|\' ";"', undefined],
  ['sh -c "A=1 exec php a > log"', undefined],
  ['curl http://h/?a=1&b=2', undefined],
  ['php a.php', undefined],
]
test('the first word that only a shell would understand is found, unless it is quoted', () => {
  for (const [text, word] of forShells) assert.equal(shellWord(text), word, text)
})

const durations: readonly [text: string, ms: number | undefined][] = [
  ['500ms', 500],
  ['60s', 60_000],
  ['1h2m3s', 3_723_000],
  ['1.5s', 1500],
  ['0', 0],
  ['0s', 0],
  ['250us', 0.25],
  ['60', undefined],
  ['5 s', undefined],
  ['-1s', undefined],
  ['1d', undefined],
]
test('durations carry a unit', () => {
  for (const [text, ms] of durations) assert.equal(parseDuration(text), ms, text)
})

test('sizes are bytes, or carry KB, MB or GB', () => {
  assert.deepEqual(['16MB', '64KB', '1gb', '100', '1.5kb', 'x', '-1'].map(parseSize), [
    16777216,
    65536,
    1073741824,
    100,
    1536,
    undefined,
    undefined,
  ])
})

test('the nearest name is near', () => {
  const names = ['num_workers', 'max_jobs', 'command']
  assert.equal(nearestName('num_worker', names), 'num_workers')
  assert.equal(nearestName('comand', names), 'command')
  assert.equal(nearestName('nmu_workers', names), 'num_workers')
  assert.equal(nearestName('zzz', names), undefined)
  assert.equal(nearestName('que', ['queue', 'priority']), 'queue')
  assert.equal(nearestName('max', ['max_jobs', 'max_bytes']), undefined)
})

const texts: readonly [text: string, expanded: string, missing?: string][] = [
  ['${A}', 'a'],
  ['$A-${A}', 'a-a'],
  ['${NO:-b}', 'b'],
  ['${EMPTY:-b}', 'b'],
  ['${EMPTY}', ''],
  ['${A} and ${NO:-b}', 'a and b'],
  ['${NO}', '', 'NO'],
  ['$5 and $$', '$5 and $$'],
]
test('variables are replaced, also where one with and one without a default stand together', () => {
  for (const [text, expanded, missing] of texts) {
    const got = expandText(text, { A: 'a', EMPTY: '' })
    assert.deepEqual(got, { text: expanded, missing: missing === undefined ? [] : [missing] }, text)
  }
})
