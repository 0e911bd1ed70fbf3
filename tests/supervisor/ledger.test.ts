import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'
import fc from 'fast-check'
import { hasCode } from '../../src/core/errors.js'
import { endedMax, InFlightLedger } from '../../src/supervisor/ledger.js'
import { recordingLogger } from '../helpers/pool.js'
import { rrCommand } from '../helpers/project.js'
import { invoke, lambdaConfig, sqsEvent, started, startRr, workerText } from '../helpers/rr.js'
import { ManualClock } from '../ipc/manual-clock.js'

function makeLedger() {
  const log = recordingLogger()
  return { log, ledger: new InFlightLedger({ clock: new ManualClock(), log }) }
}

function answer(ledger: InFlightLedger, id: string): void {
  const entry = ledger.assigned(id)
  if (entry !== undefined) ledger.answered(entry)
}

test('what does not add up is an error in the log with the id, each in its words', () => {
  const cases: [RegExp, (ledger: InFlightLedger) => void][] = [
    [/a was accepted twice/, (ledger) => ledger.accepted('a')],
    [/b was assigned and never accepted/, (ledger) => answer(ledger, 'b')],
    [/b was done and is not open/, (ledger) => ledger.acknowledged('b', 'done', 'why')],
    [
      /a was acknowledged without an answer and without a reason/,
      (ledger) => ledger.acknowledged('a', 'done'),
    ],
    [
      /a was answered more often than assigned/,
      (ledger) => {
        const entry = ledger.assigned('a')
        assert.ok(entry)
        ledger.answered(entry)
        ledger.answered(entry)
      },
    ],
    [
      /a was failed and is not open: .*ended twice/,
      (ledger) => {
        answer(ledger, 'a')
        ledger.acknowledged('a', 'done')
        ledger.acknowledged('a', 'failed', 'again')
      },
    ],
  ]
  for (const [text, violate] of cases) {
    const { ledger, log } = makeLedger()
    ledger.accepted('a')
    violate(ledger)
    assert.equal(log.lines.length, 1)
    const error = log.lines[0]?.fields.error
    assert.ok(hasCode(error, 'RR_LEDGER_VIOLATION'))
    assert.match(String(error), text)
    assert.equal(ledger.view().counts.violations, 1)
  }
})

test('a job that ends after its event was answered is not a violation', () => {
  const { ledger, log } = makeLedger()
  ledger.accepted('a')
  const entry = ledger.assigned('a')
  ledger.acknowledged('a', 'failed', 'RR.WorkerTimeout')
  assert.ok(entry)
  ledger.answered(entry)
  answer(ledger, 'a')
  assert.deepEqual(log.lines, [])
})

test('an entry whose job outlives it stays that job’s, however many come after it', () => {
  const { ledger, log } = makeLedger()
  ledger.accepted('late')
  const late = ledger.assigned('late')
  assert.ok(late)
  ledger.acknowledged('late', 'failed', 'RR.WorkerTimeout')
  const before = ledger.view().ended
  for (let count = 0; count < 3 * endedMax; count += 1) {
    ledger.accepted(`e${count}`)
    answer(ledger, `e${count}`)
    ledger.acknowledged(`e${count}`, 'done')
  }
  ledger.answered(late)
  const { counts, ended } = ledger.view()
  assert.deepEqual([counts.assigned, counts.answered, counts.violations], [769, 769, 0])
  assert.ok(ended.every(({ assigned, answered, end }) => assigned === 1 && answered === 1 && end === 'done'))
  assert.equal(new Set(ended.map(({ id }) => id)).size, endedMax)
  assert.deepEqual(
    before.map(({ id, answered }) => [id, answered]),
    [['late', 0]],
  )
  assert.deepEqual(log.lines, [])
})

test('whatever happens in whatever order, accepted = open + acknowledged + returned, in bounded space', () => {
  const deed = fc.tuple(fc.constantFrom('accept', 'run', 'leave', 'done', 'fail', 'return'), fc.nat(400))
  const property = fc.property(fc.array(deed, { maxLength: 2000 }), (deeds) => {
    const { ledger } = makeLedger()
    for (const [what, number] of deeds) {
      const id = `e${number}`
      if (what === 'accept') ledger.accepted(id)
      else if (what === 'run') answer(ledger, id)
      else if (what === 'leave') {
        const entry = ledger.assigned(id)
        if (entry !== undefined) ledger.unassigned(entry)
      } else if (what === 'done') ledger.acknowledged(id, 'done')
      else if (what === 'fail') ledger.acknowledged(id, 'failed', 'because')
      else ledger.returned(id, 'because')
    }
    const { counts, open, ended } = ledger.view()
    assert.equal(counts.accepted, counts.open + counts.acknowledged + counts.returned)
    assert.equal(open.length, counts.open)
    assert.equal(ended.length, Math.min(endedMax, counts.acknowledged + counts.returned))
    assert.equal(counts.assigned, counts.answered)
  })
  fc.assert(property, { numRuns: 100 })
})

test('a server’s ledger balances over events, batches, faults and dead workers; rr ledger prints it', async (t) => {
  const rr = await startRr(t, ['serve'], {
    config: lambdaConfig(workerText('by-body'), { lambda: 'quarantine: { after: 1 }' }),
  })
  await started(rr)
  for (const body of ['ok', 'error', 'die', 'fail', 'junk']) await invoke(rr, sqsEvent([body, 'ok', 'ok']))
  await invoke(rr, { Records: [] })
  await invoke(rr, '"plain"')
  const run = (...words: string[]) =>
    spawnSync(process.execPath, [rrCommand, 'ledger', ...words], { cwd: rr.folder, encoding: 'utf8' })
  const { counts, open, ended } = JSON.parse(run('--json').stdout)
  assert.deepEqual([counts.accepted, counts.acknowledged, counts.open, counts.violations], [7, 7, 0, 0])
  assert.equal(counts.assigned, counts.answered)
  assert.deepEqual([open.length, ended.length], [0, 7])
  assert.match(run().stdout, /^accepted 7, open 0, acknowledged 7, .*\nID +ACCEPTED/)
  assert.deepEqual(
    rr.lines().filter((line) => line.logger === 'ledger'),
    [],
  )
})
