/** Tests the names of a job's context in the Python SDK. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { test } from 'node:test'
import { missing, projectFolder } from '../helpers/project.js'

const code = `
from relayrunner import Context
context = Context({"awsRequestId": "r-1", "traceId": None, "mine": 3})
print(context.aws_request_id, context.awsRequestId, context.trace_id, context.tenant_id, context.mine)
try:
    context.aws_requestid
except AttributeError as error:
    print(error)
`

test('Python: known names are None where absent, and a misspelt one is an AttributeError', {
  skip: missing('python3'),
}, () => {
  const env = { ...process.env, PYTHONPATH: join(projectFolder, 'workers/python/src') }
  const { stdout, stderr } = spawnSync('python3', ['-c', code], { env, encoding: 'utf8' })
  const [values, fault] = stdout.split('\n')
  assert.equal(values, 'r-1 r-1 None None 3', stderr)
  assert.match(fault ?? '', /has no 'aws_requestid'; it has aws_request_id, client_context/)
})
