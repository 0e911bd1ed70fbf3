import assert from 'node:assert/strict'
import { test } from 'node:test'
import { bootstrapWords } from '../../../cmd/start/bootstrap-words.js'

test('plain words of bootstrap are read without commander', () => {
  const cases: readonly [words: string, options: ReturnType<typeof bootstrapWords>][] = [
    ['bootstrap', { override: [] }],
    ['bootstrap -c a.yaml', { override: [], config: 'a.yaml' }],
    ['bootstrap index.handler --dotenv .env', { override: [], handler: 'index.handler', dotenv: '.env' }],
    ['bootstrap -o a=1 --override b.c=2 -w /srv', { override: ['a=1', 'b.c=2'], workdir: '/srv' }],
  ]
  for (const [words, options] of cases) assert.deepEqual(bootstrapWords(words.split(' ')), options, words)
})

test('everything else is left to commander, which explains it', () => {
  for (const words of [
    '',
    'serve',
    '-c a.yaml bootstrap',
    'bootstrap --help',
    'bootstrap -ca.yaml',
    'bootstrap --config=a.yaml',
    'bootstrap -c',
    'bootstrap -c --dotenv',
    'bootstrap one two',
    'bootstrap --unknown',
  ])
    assert.equal(bootstrapWords(words.split(' ')), undefined, words)
})
