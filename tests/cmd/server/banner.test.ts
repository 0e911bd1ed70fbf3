import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type BannerFacts, bannerLines, readyLine } from '../../../cmd/server/banner.js'

const pool = { name: 'lambda', command: 'php worker.php', size: 2, readyCount: 2, bootMs: [31, 40] }
const facts: BannerFacts = {
  version: '1.2.3',
  pid: 7,
  node: '20.19.0',
  config: 'rr.yaml',
  pools: [pool],
  places: [{ what: 'control', where: 'unix:///tmp/x.sock' }],
  warnings: ['rr.yaml:3:1: warning: something'],
}

test('the banner tells what is started, places and warnings', () => {
  assert.deepEqual(bannerLines(facts), [
    'RelayRunner 1.2.3   pid 7   node 20.19.0   rr.yaml',
    '  lambda   starting 2 workers   php worker.php',
    '  control  unix:///tmp/x.sock',
    '  warning  rr.yaml:3:1: warning: something',
  ])
})

test('the banner never has more than ten lines, and says what it left out', () => {
  const lines = bannerLines({
    ...facts,
    pools: Array.from({ length: 30 }, () => ({ ...pool, readyCount: 1, bootMs: [5] })),
  })
  assert.equal(lines.length, 10)
  assert.equal(lines.at(-1), '  and 24 more')
})

test('the line of a ready pool tells how many workers came up, and the time of each boot', () => {
  assert.equal(readyLine(pool), 'ready: lambda, 2 workers in 31, 40 ms')
  assert.equal(readyLine({ ...pool, readyCount: 1, bootMs: [5] }), 'ready: lambda, 1 of 2 workers in 5 ms')
})
