/** The conformance suite of job drivers: all cases by their names, and their registration with node:test. */
import { env } from 'node:process'
import { describe, type TestContext, test } from 'node:test'
import { brokerCases } from './broker-cases.js'
import { laneCases } from './lane-cases.js'
import { serverCases } from './server-cases.js'
import { sourceCases } from './source-cases.js'
import type { JobDriverCase, JobDriverSuite } from './suite.js'

/** Ms that a case may take. */
const caseMsMax = 60_000

/** Cases that run at the same time: most of their time is waiting. */
const casesAtOnce = 3

/** Returns the cases of a driver, those that its guarantees leave out included. */
export function jobDriverCases(suite: JobDriverSuite): readonly JobDriverCase[] {
  return [...sourceCases(suite), ...laneCases(suite), ...serverCases(suite), ...brokerCases(suite)]
}

/** Tries of a case: `RR_SUITE_TRIES`, else one. A case that passes at a later one is reported in its diagnostics. */
const triesMax = Number(env.RR_SUITE_TRIES ?? 1)

/** Registers the cases of a driver with node:test, without those that its guarantees leave out. Call it at the top of a test file. */
export function testJobDriver(suite: JobDriverSuite): void {
  describe(`the driver ${suite.driver}`, { concurrency: casesAtOnce }, () => {
    for (const { name, skip, run } of jobDriverCases(suite))
      if (skip === undefined) test(name, { timeout: triesMax * caseMsMax }, (t) => tried(t, run))
  })
}

async function tried(t: TestContext, run: JobDriverCase['run']): Promise<void> {
  for (let tries = 1; ; tries += 1) {
    try {
      await run(t)
      return
    } catch (error) {
      if (tries >= triesMax) throw error
      t.diagnostic(`a race, to be mended: try ${tries} failed: ${error}`)
    }
  }
}
