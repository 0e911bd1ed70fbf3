import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { chmod, mkdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { projectFolder, rrCommand } from '../helpers/project.js'
import { testFolder } from '../helpers/rr.js'

const template = `Resources:
  Worker:
    Type: AWS::Serverless::Function
    Properties:
      PackageType: Image
      MemorySize: 1769
      Timeout: 30
      Events:
        Jobs: { Type: SQS, Properties: { Queue: !GetAtt Queue.Arn, FunctionResponseTypes: [ReportBatchItemFailures] } }
  Api: { Type: AWS::Serverless::Function, Properties: { Runtime: nodejs22.x, Handler: index.handler } }
  Queue:
    Type: AWS::SQS::Queue
    Properties:
      VisibilityTimeout: 180
      RedrivePolicy: { deadLetterTargetArn: !GetAtt Dead.Arn, maxReceiveCount: 5 }
  Dead: { Type: AWS::SQS::Queue }
`

async function folderWith(t: TestContext, files: Readonly<Record<string, string>>): Promise<string> {
  const folder = await testFolder(t)
  for (const [name, text] of Object.entries(files)) {
    await mkdir(dirname(join(folder, name)), { recursive: true })
    await writeFile(join(folder, name), text)
  }
  return folder
}

function check(folder: string, ...words: readonly string[]) {
  const all = [rrCommand, 'lambda', 'check', ...words]
  const run = spawnSync(process.execPath, all, { cwd: folder, encoding: 'utf8' })
  return { code: run.status, out: run.stdout, err: run.stderr }
}

test('our own examples are clean', () => {
  for (const name of ['lambda-node', 'lambda-php']) {
    const { code, out, err } = check(join(projectFolder, 'examples', name))
    assert.deepEqual([code, out, err], [0, 'checked Function: nothing found\n', ''], name)
  }
})

test('the template of the folder is found; functions of other runtimes are not ours', async (t) => {
  for (const name of ['template.yaml', 'template.yml']) {
    const folder = await folderWith(t, { [name]: template })
    assert.deepEqual(check(folder), { code: 0, out: 'checked Worker: nothing found\n', err: '' })
    const named = check(folder, '--template', name, '--function', 'Api')
    assert.equal(named.code, 1)
    assert.match(
      named.out,
      new RegExp(`^${name}:10:66: error: the runtime nodejs22\\.x runs its own handler`),
    )
  }
})

test('a finding is a paragraph with place, severity, reason and fix, and exits 1', async (t) => {
  const folder = await folderWith(t, { 'template.yaml': template.replace('180', '60') })
  const { code, out, err } = check(folder)
  assert.deepEqual([code, err], [1, ''])
  assert.match(
    out,
    /^template\.yaml:14:26: warning: VisibilityTimeout of the queue Queue is 60 s; .* \(visibility-short\)\n {4}fix: set VisibilityTimeout: 180 of the queue Queue\n\nchecked Worker: 1 warning\n$/,
  )
})

test('--json is one document with the place', async (t) => {
  const folder = await folderWith(t, { 'template.yaml': template.replace('180', '60') })
  const { findings } = JSON.parse(check(folder, '--json').out)
  assert.equal(findings.length, 1)
  const { reason, fix, ...rest } = findings[0]
  assert.deepEqual(rest, {
    file: 'template.yaml',
    line: 14,
    column: 26,
    severity: 'warning',
    rule: 'visibility-short',
    function: 'Worker',
  })
  assert.match(`${reason} ${fix}`, /60 s.*180/)
  const clean = await folderWith(t, { 'template.yaml': template })
  assert.deepEqual(check(clean, '--json').out, '{"findings":[]}\n')
})

test('notes alone exit 0', async (t) => {
  const folder = await folderWith(t, {})
  const { code, out } = check(
    folder,
    '--memory',
    '1769',
    '-o',
    'lambda.partial_failures=off',
    '--log-format',
    'Text',
  )
  assert.equal(code, 0)
  assert.match(out, /function: note: the log format is Text/)
})

test('rr.yaml beside the template counts, wherever rr is started, and its lines are named', async (t) => {
  const yaml =
    'version: "3"\nlambda:\n  partial_failures: off\n  pool: shared\npools:\n  shared:\n    num_workers: 2\n    supervisor: { exec_ttl: 40s }\n'
  const folder = await folderWith(t, { 'app/template.yaml': template, 'app/rr.yaml': yaml })
  const { code, out } = check(folder, '--template', 'app/template.yaml')
  assert.equal(code, 1)
  assert.match(out, /^app\/rr\.yaml:8:29: warning: exec_ttl is 40 s/m)
  assert.match(
    out,
    /^app\/rr\.yaml:3:21: note: Jobs has ReportBatchItemFailures, but with partial_failures: off/m,
  )
  assert.match(out, /^app\/rr\.yaml:7:18: note: num_workers is 2/m)
  assert.match(out, /fix: .*set pools\.shared\.num_workers: 1 in rr\.yaml/)
})

test('flags describe a function, and beside a template they replace its values', async (t) => {
  const folder = await folderWith(t, { 'template.yaml': template })
  const alone = check(folder, '--timeout', '30', '--visibility', '20', '--no-report-batch-item-failures')
  assert.equal(alone.code, 1)
  assert.match(alone.out, /visibility-under-timeout/)
  assert.match(alone.out, /failures-ignored/)
  const fifo = ['--fifo', '--dead-letters', 'dead', '--batch-size', '11', '--window', '1', '--timeout', '30']
  const found = JSON.parse(check(folder, ...fifo, '--json').out).findings
  assert.deepEqual(
    found.map(({ rule }: { rule: string }) => rule),
    ['fifo-batch', 'fifo-window', 'dead-letters-type'],
  )
  const over = check(folder, '--template', 'template.yaml', '--timeout', '31')
  assert.match(over.out, /6 × timeout \+ window = 186 s/)
  const web = check(folder, '--timeout', '60', '--api-gateway')
  assert.match(web.out, /gateway-timeout/)
})

test('a bootstrap that is missing or not executable is found in the code’s folder', async (t) => {
  const zip = template
    .replace('PackageType: Image', 'Runtime: provided.al2023, Handler: x, CodeUri: app')
    .replace(
      'Runtime: provided.al2023, Handler: x, CodeUri: app',
      'Runtime: provided.al2023\n      Handler: x\n      CodeUri: app',
    )
  const folder = await folderWith(t, { 'template.yaml': zip, 'app/worker.php': '' })
  assert.match(check(folder).out, /no file bootstrap/)
  await writeFile(join(folder, 'app/bootstrap'), '#!/bin/sh\n', { mode: 0o644 })
  assert.match(check(folder).out, /not executable/)
  await chmod(join(folder, 'app/bootstrap'), 0o755)
  assert.equal(check(folder).code, 0)
})

test('wrong usage exits 2', async (t) => {
  const folder = await folderWith(t, {})
  const withTemplate = await folderWith(t, { 'template.yaml': template })
  const cases: [string, readonly string[], RegExp][] = [
    [folder, [], /nothing to check.*\n.*--template/],
    [folder, ['--timeout', 'long'], /whole number/],
    [folder, ['--source', 'ftp'], /sqs, kinesis, dynamodb, kafka/],
    [folder, ['--parameter', 'novalue'], /NAME=VALUE/],
    [
      withTemplate,
      ['--template', 'template.yaml', '--function', 'Nobody'],
      /has no function Nobody; it has Worker, Api/,
    ],
  ]
  for (const [where, words, message] of cases) {
    const { code, out, err } = check(where, ...words)
    assert.deepEqual([code, out], [2, ''], words.join(' '))
    assert.match(err, message)
  }
})

test('a template or an rr.yaml that cannot be read exits 78 with its place', async (t) => {
  const folder = await folderWith(t, {
    'broken.yaml': 'Resources:\n  A: [\n',
    'empty.yaml': 'Resources: {}\n',
    'template.yaml': template,
    'bad.yaml': 'version: "3"\nlambda: { mod: raw }\n',
    'plugin.yaml': 'version: "3"\nplugins: [./p.mjs]\n',
    'p.mjs': 'throw new Error("boom")\n',
  })
  const cases: [readonly string[], RegExp][] = [
    [['--template', 'broken.yaml'], /^broken\.yaml:\d+:\d+: not YAML/],
    [['--template', 'empty.yaml'], /^empty\.yaml:1:1: the file has no Lambda function/],
    [['--template', 'nowhere.yaml'], /cannot read the template .*nowhere\.yaml/],
    [['-c', 'bad.yaml'], /^bad\.yaml:2:11: /],
    [['-c', 'nowhere.yaml'], /the configuration file .*nowhere\.yaml does not exist/],
    [['-c', 'plugin.yaml'], /boom/],
  ]
  for (const [words, message] of cases) {
    const { code, out, err } = check(folder, ...words)
    assert.deepEqual([code, out], [78, ''], words.join(' '))
    assert.match(err, message, words.join(' '))
  }
})
