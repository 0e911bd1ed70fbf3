import assert from 'node:assert/strict'
import { test } from 'node:test'
import { JobMaker } from '../../src/work/job-maker.js'
import { isLane, Lanes } from '../../src/work/lanes.js'
import { delivery } from '../helpers/deliveries.js'

test('a job made ahead is not given to the delivery behind the one that it was made for', () => {
  const protocol = {
    toJob: ([first]: readonly { id: string }[]) => ({
      context: '{}',
      body: first?.id ?? '',
      codec: 0x04 as const,
    }),
    verdicts: () => [],
  }
  const maker = new JobMaker(protocol)
  const lanes = new Lanes({ perJob: 1, order: 'group', isAlone: () => false })
  for (const id of ['first', 'second']) lanes.add(delivery(id, { lane: 'a' }))
  const lane = lanes.take()
  assert.ok(lane !== undefined && isLane(lane))
  maker.prepare(lane, 1)
  // The first one is settled without a run, as one that was given up before.
  lanes.shift(lane, 1)
  const made = maker.jobOf(lane, lanes.shift(lane, 1))
  assert.ok('body' in made)
  assert.equal(made.body, 'second')
})
