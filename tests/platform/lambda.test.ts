import assert from 'node:assert/strict'
import { test } from 'node:test'
import { lambdaPlatform } from '../../src/platform/lambda.js'
import { autoSize } from '../../src/supervisor/machine/auto-size.js'

test('num_workers: auto is two workers a vCPU by the memory of the function, and what fits into it', () => {
  const size = (megabytes: number) => {
    const { grant } = lambdaPlatform({ AWS_LAMBDA_FUNCTION_MEMORY_SIZE: String(megabytes) })
    return grant && autoSize(grant)
  }
  assert.deepEqual([128, 512, 1769, 1770, 3538, 10_240].map(size), [1, 2, 2, 4, 4, 12])
  assert.equal(lambdaPlatform({}).grant, undefined)
})

test('the format and the level of the log are those of the function', () => {
  const shape = (env: Readonly<Record<string, string>>) => lambdaPlatform(env).log
  const { timeKey, hasUpperLevels, levelMin, isAlwaysJson, descriptor } = shape({})
  assert.deepEqual(
    [timeKey, hasUpperLevels, levelMin, isAlwaysJson, descriptor],
    ['time', false, undefined, false, 1],
  )
  const json = shape({ AWS_LAMBDA_LOG_FORMAT: 'JSON', AWS_LAMBDA_LOG_LEVEL: 'WARN' })
  assert.deepEqual([json.timeKey, json.hasUpperLevels, json.levelMin], ['timestamp', true, 'warn'])
  const managed = shape({ AWS_LAMBDA_INITIALIZATION_TYPE: 'lambda-managed-instances' })
  assert.deepEqual([managed.timeKey, managed.hasUpperLevels, managed.isAlwaysJson], ['timestamp', true, true])
})
