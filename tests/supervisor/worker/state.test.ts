import assert from 'node:assert/strict'
import { test } from 'node:test'
import { transitions, type WorkerEvent, WorkerState } from '../../../src/supervisor/worker/state.js'

const states = Object.values(WorkerState)
const events: readonly WorkerEvent[] = ['ready', 'assign', 'settle', 'retire', 'kill', 'exit']

test('the table has a cell for every state and event', () => {
  for (const state of states) {
    assert.deepEqual(Object.keys(transitions[state]).sort(), [...events].sort(), state)
  }
})

test('whatever happens, exit ends in exited and nothing leads out of it', () => {
  for (const state of states) {
    const next = transitions[state].exit
    assert.ok(next === 'exited' || (state === 'exited' && next === 'ignore'), state)
  }
  for (const event of events) assert.ok(['ignore', 'never'].includes(transitions.exited[event]), event)
})

test('what a peer sends never reaches a never cell', () => {
  // A peer can repeat its PID reply at any time; its answers become `settle` only while a job runs or after a kill.
  for (const state of states) assert.notEqual(transitions[state].ready, 'never', state)
  for (const state of ['busy', 'draining', 'killing', 'exited'] as const) {
    assert.notEqual(transitions[state].settle, 'never', state)
  }
})

test('a job is assigned to an idle worker only', () => {
  for (const state of states) {
    assert.equal(transitions[state].assign, state === 'idle' ? 'busy' : 'never', state)
  }
})

test('a leaving worker never takes jobs again', () => {
  const leaving = new Set<string>(['draining', 'stopping', 'killing', 'exited', 'ignore', 'never'])
  for (const state of ['draining', 'stopping', 'killing'] as const) {
    for (const event of events) assert.ok(leaving.has(transitions[state][event]), `${state} ${event}`)
  }
})

test('only killing can be entered twice: a second kill forces what the first one asked for', () => {
  for (const state of states) {
    const again = Object.values(transitions[state]).includes(state)
    assert.equal(again, state === 'killing', state)
  }
  assert.equal(transitions.killing.kill, 'killing')
})
