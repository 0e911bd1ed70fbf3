import assert from 'node:assert/strict'
import { test } from 'node:test'
import { exitError } from '../../../../src/plugins/emulator/environment/exit.js'
import { type Happening, type Phase, stepOf } from '../../../../src/plugins/emulator/environment/phase.js'
import { groupsBelow } from '../../../../src/plugins/emulator/environment/process-tree.js'
import { defaultBudgets, shutdownPlan } from '../../../../src/plugins/emulator/environment/shutdown-plan.js'
import {
  extensionVariables,
  lambdaVariables,
} from '../../../../src/plugins/emulator/environment/variables.js'

/** Plays a row of happenings from `cold`; returns the last phase and all acts. */
function play(...happenings: readonly Happening[]): { phase: Phase; acts: string[] } {
  const acts: string[] = []
  let phase: Phase = 'cold'
  for (const happening of happenings) {
    const step = stepOf(phase, happening)
    acts.push(...step.acts)
    phase = step.to
  }
  return { phase, acts }
}

test('an event starts the process, is handed out after initialisation, and afterwards everything freezes', () => {
  assert.deepEqual(play('event', 'init-over', 'quiet', 'event'), {
    phase: 'live',
    acts: ['start', 'report-init', 'hand-out', 'freeze', 'thaw', 'hand-out'],
  })
})

test('a first failed start is silent; the second one is part of its event, and its fault is reported', () => {
  for (const failure of ['init-late', 'exit', 'fault'] as const) {
    const { phase, acts } = play('event', failure, 'gone', 'event')
    assert.deepEqual(acts, ['start', 'report-failed-init', 'kill', 'start', 'start-clock'])
    assert.equal(phase, 'again')
  }
  assert.ok(play('event', 'exit', 'gone', 'event', 'exit').acts.includes('tell-fault'))
})

test('after a timeout or a crash the next event starts the process anew, within its own time', () => {
  for (const failure of ['timeout', 'exit', 'fault'] as const) {
    const { phase, acts } = play('event', 'init-over', failure, 'gone', 'event')
    assert.equal(phase, 'again')
    assert.equal(acts.at(-1), 'start-clock')
  }
})

test('an environment that was spun down starts as a new one', () => {
  assert.deepEqual(play('event', 'init-over', 'quiet', 'idle-late', 'gone', 'event'), {
    phase: 'init',
    acts: ['start', 'report-init', 'hand-out', 'freeze', 'thaw', 'spin-down', 'start'],
  })
})

test('a snapshot is taken once, and each copy begins with the restore', () => {
  assert.deepEqual(play('warm', 'snapshot', 'event', 'init-over'), {
    phase: 'live',
    acts: ['start', 'report-init', 'freeze', 'thaw', 'restore', 'report-init', 'hand-out'],
  })
})

test('from every phase a stop leads to the end, and nothing that runs is left behind', () => {
  const ways: readonly (readonly Happening[])[] = [
    [],
    ['event'],
    ['warm', 'snapshot'],
    ['warm', 'snapshot', 'event'],
    ['event', 'init-over'],
    ['event', 'init-over', 'quiet'],
    ['event', 'init-over', 'quiet', 'idle-late'],
    ['event', 'init-over', 'timeout'],
    ['event', 'init-over', 'timeout', 'gone'],
    ['event', 'exit', 'gone', 'event'],
  ]
  for (const way of ways) {
    const { phase, acts } = play(...way, 'stop', 'gone')
    assert.equal(phase, 'closed', way.join())
    const ends = acts.filter((act) => ['spin-down', 'time-out', 'kill', 'fail'].includes(act)).length
    assert.equal(ends, acts.filter((act) => act === 'start').length, way.join())
  }
})

test('without an extension there is no SIGTERM; the shares of the others are those that AWS documents', () => {
  const cases = [
    ['SPINDOWN', 'none', 0, 0],
    ['TIMEOUT', 'none', 0, 0],
    ['SPINDOWN', 'internal', 500, 0],
    ['TIMEOUT', 'internal', 300, 0],
    ['FAILURE', 'internal', 300, 0],
    ['SPINDOWN', 'external', 300, 1700],
    ['TIMEOUT', 'external', 300, 1700],
  ] as const
  for (const [reason, kind, runtimeMs, extensionsMs] of cases)
    assert.deepEqual(
      shutdownPlan(reason, kind, defaultBudgets),
      { runtimeMs, extensionsMs },
      `${reason} ${kind}`,
    )
})

test('an exit is told in the words of the platform', () => {
  const cases = [
    [{ code: 3, signal: null }, 'Runtime.ExitError', 'Runtime exited with error: exit status 3'],
    [{ code: null, signal: 'SIGKILL' }, 'Runtime.ExitError', 'Runtime exited with error: signal: killed'],
    [{ code: 0, signal: null }, 'Runtime.ExitError', 'Runtime exited without providing a reason'],
    [
      { code: 127, signal: null },
      'Runtime.InvalidEntrypoint',
      'the bootstrap could not be run (exit status 127)',
    ],
    [{ code: null, signal: null, fault: 'spawn ENOENT' }, 'Runtime.InvalidEntrypoint', 'spawn ENOENT'],
  ] as const
  for (const [exit, type, message] of cases) assert.deepEqual(exitError(exit), { type, message })
})

test('reserved variables win over the function’s own, and extensions do not see names that begin with _', () => {
  const facts = {
    functionName: 'f',
    handler: 'index.handler',
    memoryMb: 128,
    taskRoot: '/task',
    runtimeApi: '127.0.0.1:1',
    initialization: 'on-demand',
    concurrency: undefined,
    logStream: 's',
  } as const
  const own = {
    LANG: 'C',
    AWS_LAMBDA_FUNCTION_NAME: 'other',
    AWS_EXECUTION_ENV: 'x',
    AWS_REGION: 'eu-west-1',
  }
  const variables = lambdaVariables(facts, own)
  assert.equal(variables.AWS_LAMBDA_FUNCTION_NAME, 'f')
  assert.equal(variables.AWS_DEFAULT_REGION, 'eu-west-1')
  assert.equal(variables.LANG, 'C')
  assert.equal(variables.TZ, ':UTC')
  assert.ok(!('AWS_EXECUTION_ENV' in variables))
  assert.ok(!('AWS_LAMBDA_MAX_CONCURRENCY' in variables))
  assert.equal(variables._HANDLER, 'index.handler')
  assert.ok(!('_HANDLER' in extensionVariables(variables)))
  const managed = lambdaVariables({ ...facts, concurrency: 4 }, { AWS_LAMBDA_LOG_FORMAT: 'Text' })
  assert.equal(managed.AWS_LAMBDA_MAX_CONCURRENCY, '4')
  assert.equal(managed.AWS_LAMBDA_LOG_FORMAT, 'JSON')
})

test('workers in groups of their own belong to the environment, other processes do not', () => {
  const processes = [
    { pid: 14, parent: 13, group: 13 },
    { pid: 10, parent: 1, group: 10 },
    { pid: 11, parent: 10, group: 11 },
    { pid: 12, parent: 10, group: 10 },
    { pid: 13, parent: 12, group: 13 },
    { pid: 20, parent: 1, group: 20 },
  ]
  assert.deepEqual([...groupsBelow(10, processes)].sort(), [10, 11, 13])
})
