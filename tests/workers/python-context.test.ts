import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { readWorkerLine, type WorkerLine } from '../../src/logging/worker-lines.js'
import { job, startPool, textOf } from '../helpers/pool.js'
import { fixture, missing, projectFolder } from '../helpers/project.js'

const skip = missing('python3')

function start(t: TestContext, env: Readonly<Record<string, string>> = {}) {
  return startPool(t, ['python3', '-m', 'relayrunner', 'tells.handler'], {
    env: {
      PYTHONPATH: `${projectFolder}/workers/python/src`,
      LAMBDA_TASK_ROOT: fixture('python'),
      AWS_LAMBDA_FUNCTION_NAME: 'shop',
      AWS_LAMBDA_FUNCTION_VERSION: '$LATEST',
      AWS_LAMBDA_FUNCTION_MEMORY_SIZE: '512',
      AWS_LAMBDA_LOG_GROUP_NAME: 'group',
      AWS_LAMBDA_LOG_STREAM_NAME: 'stream',
      ...env,
    },
  })
}

/** A line as the server's log has it, its fields with plain values. */
function merged(line: WorkerLine) {
  const { level, message, fields } = readWorkerLine(line)
  const own: Record<string, unknown> = line.text.startsWith('{') ? JSON.parse(line.text) : {}
  return { level, message, fields: { ...fields, ...own } }
}

const does = (what: string, context: object = {}) => ({
  ...job(JSON.stringify({ do: what }), 'job-1'),
  context: JSON.stringify({ kind: 'event', ...context }),
})

test('context has AWS’s attributes, types and texts', { skip }, async (t) => {
  const { pool } = await start(t)
  const see = async (context: object) => JSON.parse(textOf(await pool.run(does('context_of', context))))
  const bare = await see({
    awsRequestId: 'r-1',
    invokedFunctionArn: 'arn:f',
    deadlineMs: Date.now() + 60_000,
  })
  assert.equal(
    bare.repr,
    'LambdaContext([aws_request_id=r-1,log_group_name=group,log_stream_name=stream,function_name=shop,' +
      'memory_limit_in_mb=512,function_version=$LATEST,invoked_function_arn=arn:f,client_context=None,' +
      'identity=CognitoIdentity([cognito_identity_id=None,cognito_identity_pool_id=None]),tenant_id=None])',
  )
  assert.deepEqual([bare.type, bare.types], ['LambdaContext', ['str', 'int']])
  assert.ok(bare.remaining > 0 && bare.remaining <= 60_000)
  assert.deepEqual(
    [bare.client, bare.tenant, bare.handler, bare.modules],
    [null, null, 'tells.handler', [true]],
  )
  const full = await see({
    clientContext: { custom: { a: 1 }, env: { b: '2' }, client: { installation_id: 'i', app_title: 't' } },
    identity: { cognitoIdentityId: 'c', cognitoIdentityPoolId: 'p' },
    tenantId: 'blue',
    deadlineMs: 1,
  })
  assert.deepEqual(full.client, [
    { a: 1 },
    { b: '2' },
    'i',
    'Client([installation_id=i,app_title=t,app_version_name=None,app_version_code=None,app_package_name=None])',
  ])
  assert.deepEqual([full.identity, full.tenant, full.remaining], [['c', 'p'], 'blue', 0])
  assert.deepEqual((await see({ clientContext: { client: null } })).client, [null, null, null, 'None'])
})

test('a client context or identity that is no JSON object fails its event, as on AWS', {
  skip,
}, async (t) => {
  const { pool } = await start(t)
  for (const [context, told] of [
    [
      { clientContext: 'no JSON' },
      /Runtime\.LambdaContextUnmarshalError.*Unable to parse Client Context JSON: Expecting value: line 1 column 1/,
    ],
    [{ identity: '{' }, /Unable to parse Cognito Identity JSON: /],
    [{ clientContext: 7 }, /AttributeError/],
    [{ clientContext: ['a'] }, /AttributeError/],
    [{ identity: [] }, /AttributeError/],
  ] as const)
    await assert.rejects(pool.run(does('context_of', context)), told)
})

test('the trace id is the event’s own, and gone when the event has none', { skip }, async (t) => {
  const { pool } = await start(t, { _X_AMZN_TRACE_ID: 'Root=of-the-start' })
  const seen: unknown[] = []
  for (const traceId of ['Root=1-a', 'Root=1-b', null, undefined, 'Root=1-c'])
    seen.push(JSON.parse(textOf(await pool.run(does('context_of', { traceId })))).trace)
  assert.deepEqual(seen, ['Root=1-a', 'Root=1-b', null, null, 'Root=1-c'])
})

for (const format of ['Text', 'JSON']) {
  test(`records of Python’s logging are lines with their level, fields and stack (${format})`, {
    skip,
  }, async (t) => {
    const { pool, lines, line } = await start(t, { LEVEL: 'DEBUG', AWS_LAMBDA_LOG_FORMAT: format })
    // The handler was there before the module was imported, so basicConfig did nothing.
    assert.equal(textOf(await pool.run(does('logs'))), 'true')
    await line(/^printed$/)
    const records = lines.map(merged)
    const [end] = records.filter(({ message }) => message === 'with its stack')
    assert.deepEqual(
      records.slice(0, 7).map(({ level, message }) => [level, message]),
      [
        ['debug', 'a debug line'],
        ['info', 'an info line'],
        ['info', 'with words and 7'],
        ['warn', 'two\nlines'],
        ['error', 'lone \udc80 surrogate 東'],
        ['error', 'critical'],
        ['warn', 'between levels'],
      ],
    )
    const fields = records[2]?.fields ?? {}
    assert.deepEqual([fields.order, fields.money, fields.message_id, fields.job], [7, '7 EUR', 'm', 'job-1'])
    const { errorType, errorMessage, stackTrace, location } = end?.fields ?? {}
    assert.deepEqual([end?.level, errorType, errorMessage], ['error', 'KeyError', "'id'"])
    assert.match(String(stackTrace), /^ {2}File ".*tells\.py", line \d+, in logs\n/)
    assert.match(String(location), /tells\.py:logs:\d+$/)
    assert.deepEqual(
      records.slice(8, 10).map(({ level, message }) => [level, message]),
      [
        ['info', 'said by the context'],
        ['info', 'printed'],
      ],
    )
  })
}

test('AWS_LAMBDA_LOG_LEVEL is the root logger’s level until the function sets its own', {
  skip,
}, async (t) => {
  const code = `
import logging
def handler(event, context):
    return [logging.getLogger().level, len(logging.getLogger().handlers)]
`
  for (const [level, expected] of [
    ['TRACE', 10],
    ['debug', 10],
    ['WARN', 30],
    ['FATAL', 50],
    ['nonsense', 30],
    ['', 30],
  ] as const) {
    const { pool } = await startPool(
      t,
      [
        'python3',
        '-c',
        `import sys, types; m = types.ModuleType("m"); exec(${JSON.stringify(code)}, m.__dict__); sys.modules["m"] = m; from relayrunner.handler.bootstrap import run; run("m.handler")`,
      ],
      { env: { PYTHONPATH: `${projectFolder}/workers/python/src`, AWS_LAMBDA_LOG_LEVEL: level } },
    )
    assert.deepEqual(JSON.parse(textOf(await pool.run(does('any')))), [expected, 1], level)
  }
})

test('a formatter of the function’s own makes the message, or the whole line when it writes JSON', {
  skip,
}, async (t) => {
  const { pool, lines, line } = await start(t)
  await pool.run(does('formats', { awsRequestId: 'r-7' }))
  await line(/by JSON/)
  const [plain, loud, json] = lines.map(merged)
  assert.deepEqual([plain?.level, plain?.message], ['warn', 'WARNING|r-7|by a format'])
  const { severity } = loud?.fields ?? {}
  assert.deepEqual([loud?.level, loud?.message, severity], ['warn', 'by a level of its own', 'LOUD'])
  assert.deepEqual([json?.level, json?.message, json?.fields.mine], ['error', 'by JSON', 1])
})

test('a record stays one line with its level, whatever its fields and its exception are', {
  skip,
}, async (t) => {
  const { pool, lines, line } = await start(t)
  await pool.run(does('oddities'))
  await line(/^end$/)
  const records = lines.map(merged)
  assert.deepEqual(
    records.map(({ level, message }) => [level, message]),
    [
      ['warn', 'not a number'],
      ['warn', 'a cycle'],
      ['warn', 'a key'],
      ['warn', 'no text'],
      ['error', 'it failed'],
      ['info', 'end'],
    ],
  )
  const fields = records.map((one) => one.fields)
  assert.deepEqual(
    [fields[0]?.share, fields[0]?.order, fields[1]?.cycle, fields[2]?.table, fields[3]?.silent],
    ['nan', 7, '[[...]]', '{(1, 2): 3}', '<unprintable Silent object>'],
  )
  assert.equal(fields[4]?.errorMessage, '<unprintable Silent object>')
})
