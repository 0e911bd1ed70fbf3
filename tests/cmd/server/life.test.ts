import assert from 'node:assert/strict'
import { test } from 'node:test'
import { exitCodeOf, type LifeEvent, LifeState, lifeTable } from '../../../cmd/server/life.js'
import { RelayError } from '../../../src/core/errors.js'

/** Follows the table from the start; the states after each event. An ignored event leaves the state as it is. */
function walk(...events: readonly LifeEvent[]): readonly LifeState[] {
  let state: LifeState = LifeState.starting
  return events.map((event) => {
    const cell = lifeTable[state][event]
    assert.notEqual(cell, 'never', `${event} while ${state}`)
    if (cell !== 'ignore' && cell !== 'never') state = cell
    return state
  })
}

const lives: readonly (readonly [
  what: string,
  events: readonly LifeEvent[],
  states: readonly LifeState[],
])[] = [
  ['an ordinary life', ['started', 'booted', 'asked'], ['booting', 'ready', 'stopping']],
  ['a signal while plugins are set up', ['asked', 'started', 'booted'], ['stopping', 'stopping', 'stopping']],
  ['a signal while workers boot', ['started', 'asked', 'noWorker'], ['booting', 'stopping', 'stopping']],
  ['a start that fails', ['startFailed', 'asked'], ['failing', 'failing']],
  ['workers of which none boots', ['started', 'noWorker', 'fault'], ['booting', 'failing', 'failing']],
  ['an uncaught error before workers are ready', ['started', 'uncaught'], ['booting', 'failing']],
  [
    'an uncaught error of a server that serves',
    ['started', 'booted', 'uncaught'],
    ['booting', 'ready', 'stopping'],
  ],
  [
    'a plugin that gives up, and a signal',
    ['started', 'booted', 'fault', 'asked'],
    ['booting', 'ready', 'stopping', 'stopping'],
  ],
  [
    'a second signal during a stop',
    ['started', 'asked', 'insisted', 'insisted'],
    ['booting', 'stopping', 'killing', 'killing'],
  ],
  ['a second signal during a failed start', ['startFailed', 'insisted'], ['failing', 'killing']],
  [
    'a mistake that a change of a file mends',
    ['started', 'held', 'changed', 'asked'],
    ['booting', 'waiting', 'ready', 'stopping'],
  ],
  [
    'a mistake that stays',
    ['held', 'started', 'held', 'changed', 'held'],
    ['starting', 'booting', 'waiting', 'ready', 'waiting'],
  ],
  [
    'a pool that waits while another one boots',
    ['started', 'held', 'booted'],
    ['booting', 'waiting', 'ready'],
  ],
  ['a change while workers boot', ['started', 'changed', 'booted'], ['booting', 'booting', 'ready']],
]
for (const [what, events, states] of lives) {
  test(`the table of a server's life: ${what}`, () => assert.deepEqual(walk(...events), states))
}

test('from any state a server ends with a signal, and nothing leads back from an end', () => {
  const order = Object.keys(LifeState)
  const ends: readonly LifeState[] = ['stopping', 'failing', 'killing']
  for (const state of Object.values(LifeState)) {
    const isEnd = ends.includes(state)
    assert.equal(lifeTable[state].asked, isEnd ? 'ignore' : 'stopping', state)
    assert.equal(lifeTable[state].insisted, state === 'killing' ? 'ignore' : 'killing', state)
    if (!isEnd) continue
    for (const cell of Object.values(lifeTable[state]))
      assert.ok(cell === 'ignore' || order.indexOf(cell) > order.indexOf(state), `${state}: ${cell}`)
  }
})

test('signals, changes of files and uncaught errors may come in any state', () => {
  for (const state of Object.values(LifeState)) {
    for (const event of ['asked', 'insisted', 'uncaught', 'changed', 'held', 'fault'] as const)
      assert.notEqual(lifeTable[state][event], 'never', `${event} while ${state}`)
  }
})

test('the exit code is 0 when asked, 78 for a fault of the configuration, 1 for any other', () => {
  assert.equal(exitCodeOf('asked', undefined), 0)
  for (const code of ['RR_CONFIG_INVALID', 'RR_NOTHING_TO_PULL', 'RR_WORKER_SETTINGS'] as const)
    assert.equal(exitCodeOf('startFailed', new RelayError(code, 'x')), 78)
  assert.equal(exitCodeOf('fault', new RelayError('RR_NOTHING_TO_PULL', 'x')), 78)
  assert.equal(exitCodeOf('noWorker', new RelayError('RR_WORKER_BOOT', 'x')), 1)
  assert.equal(exitCodeOf('uncaught', new Error('x')), 1)
})
