/** The files of `examples/deploy` are valid, and agree with each other about users, ports and times. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { test } from 'node:test'
import { parse, parseAllDocuments } from 'yaml'
import { isObject } from '../../src/core/json.js'
import { rr } from '../helpers/command.js'
import { missing, projectFolder } from '../helpers/project.js'
import { pythonPackages } from '../helpers/python-packages.js'
import { testFolder } from '../helpers/rr.js'

const examples = join(projectFolder, 'examples/deploy')
const files = readdirSync(examples, { recursive: true, encoding: 'utf8' }).sort()
const text = (file: string) => readFileSync(join(examples, file), 'utf8')
const configs = files.filter((file) => basename(file) === 'rr.yaml')

/** What a stop takes beside the running jobs: plugins that close, watchdogs that end. */
const restOfStopSeconds = 10

/** The longest `destroy_timeout` of a configuration, with defaults applied. */
async function stopSeconds(file: string): Promise<number> {
  const { out } = await rr(join(examples, dirname(file)), ['config', 'show', '--json', '-c', 'rr.yaml'])
  const found: number[] = []
  JSON.parse(out, (key, value: unknown) => {
    if (key === 'destroy_timeout') found.push(Number(/^(\d+)s$/.exec(String(value))?.[1]))
    return value
  })
  assert.ok(found.length > 0, out)
  return Math.max(...found)
}

/** Runs a program of these packages beside the examples. */
function python(words: readonly string[], pinned: readonly string[]) {
  const env = { ...process.env, PYTHONPATH: pythonPackages(pinned) }
  return spawnSync('python3', words, { cwd: examples, env, encoding: 'utf8' })
}

/** A program that prints resources; the parser leaves quotes around texts. */
const readTerraform = `
import hcl2, json, sys
def plain(value):
    if isinstance(value, dict): return {plain(key): plain(one) for key, one in value.items()}
    if isinstance(value, list): return [plain(one) for one in value]
    return json.loads(value) if isinstance(value, str) and value.startswith('"') else value
found = {}
for block in plain(hcl2.load(open(sys.argv[1])))['resource']:
    for kind, named in block.items(): found.setdefault(kind, {}).update(named)
print(json.dumps(found))
`

/** The resources of Terraform's file, by type and name. */
function terraform() {
  const pinned = ['python-hcl2==8.1.4', 'lark==1.3.1', 'regex==2026.11.19', 'typing_extensions==4.16.0']
  const { status, stdout, stderr } = python(['-c', readTerraform, 'lambda/main.tf'], pinned)
  assert.equal(status, 0, stderr)
  return JSON.parse(stdout)
}

test('every configuration is valid', async () => {
  assert.ok(configs.length >= 3)
  for (const file of configs) {
    // The ConfigMap's is for the image of Node.
    const folder = join(examples, file.startsWith('kubernetes/') ? 'node' : dirname(file))
    const { code, err } = await rr(folder, ['validate', '-c', join(examples, file), '-w', folder])
    assert.equal(code, 0, err)
    assert.doesNotMatch(err, /warning/)
  }
  assert.equal(text('kubernetes/rr.yaml'), text('node/rr.yaml'))
})

test('every file of YAML and JSON can be read, without a key twice', () => {
  for (const file of files.filter((name) => name.endsWith('.yaml') || name.endsWith('.yml')))
    for (const document of parseAllDocuments(text(file), { logLevel: 'silent' }))
      assert.deepEqual(document.errors, [], file)
  for (const file of files.filter((name) => name.endsWith('.json'))) assert.ok(JSON.parse(text(file)))
})

test('the manifests fit the schemas of Kubernetes, and name what is there', {
  skip: missing('python3'),
}, () => {
  const kustomization = parse(text('kubernetes/kustomization.yaml'))
  const resources: readonly string[] = kustomization.resources
  const others = ['kustomization.yaml', ...kustomization.configMapGenerator[0].files]
  assert.deepEqual(readdirSync(join(examples, 'kubernetes')).sort(), [...resources, ...others].sort())
  // The schema of a ServiceMonitor is not Kubernetes's own.
  const own = resources.filter((name) => name !== 'servicemonitor.yaml').map((name) => `kubernetes/${name}`)
  const { status, stdout, stderr } = python(
    ['-m', 'kubernetes_validate', '--strict', ...own],
    [
      'kubernetes-validate==1.37.0',
      'attrs==26.1.0',
      'importlib_resources==7.1.0',
      'jsonschema==4.26.0',
      'jsonschema-specifications==2025.9.1',
      'packaging==26.4',
      'PyYAML==6.0.4',
      'referencing==0.37.0',
      'rpds-py==2026.9.1',
      'typing_extensions==4.16.0',
    ],
  )
  assert.equal(status, 0, stdout + stderr)
})

test('what is selected, mounted and probed is in the pod', () => {
  const deployment = parse(text('kubernetes/deployment.yaml'))
  const { template, selector } = deployment.spec
  const labels = template.metadata.labels
  const budget = parse(text('kubernetes/poddisruptionbudget.yaml'))
  const service = parse(text('kubernetes/service.yaml'))
  const monitor = parse(text('kubernetes/servicemonitor.yaml'))
  for (const wanted of [selector, budget.spec.selector, monitor.spec.selector])
    assert.deepEqual(wanted.matchLabels, labels)
  assert.deepEqual([service.spec.selector, service.metadata.labels], [labels, labels])
  assert.ok(budget.spec.minAvailable < deployment.spec.replicas)

  const [container] = template.spec.containers
  const ports = new Map<string, number>(
    container.ports.map((port: { name: string; containerPort: number }) => [port.name, port.containerPort]),
  )
  const settings = parse(text('kubernetes/rr.yaml'))
  for (const [name, port] of ports) assert.equal(settings[name].address, `:${port}`)
  for (const probe of ['startupProbe', 'readinessProbe', 'livenessProbe'])
    assert.equal(container[probe].httpGet.port, 'status')
  for (const { targetPort } of service.spec.ports) assert.ok(ports.has(targetPort), targetPort)
  const offered: readonly { name: string }[] = service.spec.ports
  for (const { port } of monitor.spec.endpoints) assert.ok(offered.some(({ name }) => name === port))
  const { annotations } = template.metadata
  assert.equal(annotations['prometheus.io/port'], String(ports.get('metrics')))

  const volumes: readonly { name: string; configMap?: { name: string } }[] = template.spec.volumes
  const mounts: readonly { name: string; mountPath: string }[] = container.volumeMounts
  assert.deepEqual(mounts.map(({ name }) => name).sort(), volumes.map(({ name }) => name).sort())
  assert.ok(mounts.some(({ mountPath }) => mountPath === '/tmp'))
  const [generated] = parse(text('kubernetes/kustomization.yaml')).configMapGenerator
  assert.ok(volumes.some(({ configMap }) => configMap?.name === generated.name))
})

test('the pod cannot write to its image, gain rights or become root', () => {
  const { spec } = parse(text('kubernetes/deployment.yaml')).spec.template
  const [{ securityContext, resources }] = spec.containers
  assert.deepEqual([spec.securityContext.runAsNonRoot, securityContext.readOnlyRootFilesystem], [true, true])
  assert.deepEqual(
    [securityContext.allowPrivilegeEscalation, securityContext.capabilities.drop],
    [false, ['ALL']],
  )
  assert.ok(resources.limits.memory)
  const [tmp] = spec.volumes.filter((volume: unknown) => isObject(volume) && 'emptyDir' in volume)
  assert.equal(tmp.name, 'tmp')
  const user = `${spec.securityContext.runAsUser}:${spec.securityContext.runAsGroup}`
  for (const language of ['node', 'php'])
    assert.match(text(`${language}/Dockerfile`), new RegExp(`^USER ${user}$`, 'm'))
})

test('platforms wait longer than a stop takes', async () => {
  const stops = await Promise.all(['node/rr.yaml', 'php/rr.yaml'].map(stopSeconds))
  const needed = Math.max(...stops) + restOfStopSeconds
  const { spec } = parse(text('kubernetes/deployment.yaml')).spec.template
  const [{ lifecycle, startupProbe }] = spec.containers
  const [program, seconds] = lifecycle.preStop.exec.command
  assert.equal(program, 'sleep')
  assert.ok(spec.terminationGracePeriodSeconds >= Number(seconds) + needed)
  const grace = /^(\d+)s$/.exec(parse(text('compose.yaml')).services.app.stop_grace_period)
  assert.ok(Number(grace?.[1]) >= needed)
  const unit = new Map(
    [...text('systemd/relayrunner.service').matchAll(/^(\w+)=(.*)$/gm)].map((one) => [one[1], one[2]]),
  )
  assert.ok(Number(unit.get('TimeoutStopSec')) >= needed)
  // Workers may take allocate_timeout, 60s by default, to boot.
  assert.ok(startupProbe.periodSeconds * startupProbe.failureThreshold > 60)
  assert.ok(Number(unit.get('TimeoutStartSec')) > 60)
  assert.deepEqual([unit.get('Type'), unit.get('KillMode')], ['notify', 'mixed'])
})

test('each way to Lambda reports partial failures and hides messages six times the timeout', {
  skip: missing('python3'),
}, () => {
  const sam = parse(text('lambda/template.yaml'), { logLevel: 'silent' }).Resources
  const slsFile = parse(text('lambda/serverless.yml'), { logLevel: 'silent' })
  const [sls, { sqs }] = [slsFile.functions.orders, slsFile.functions.orders.events[0]]
  const slsQueue = slsFile.resources.Resources.Queue.Properties
  const queues = [
    [sam.Function.Properties.Timeout, sam.Queue.Properties],
    [sls.timeout, slsQueue],
  ] as const
  for (const [timeout, { VisibilityTimeout, RedrivePolicy }] of queues)
    assert.deepEqual([VisibilityTimeout >= 6 * timeout, RedrivePolicy.maxReceiveCount >= 5], [true, true])
  const reported = 'ReportBatchItemFailures'
  assert.deepEqual(sam.Function.Properties.Events.Orders.Properties.FunctionResponseTypes, [reported])
  assert.equal(sqs.functionResponseType, reported)

  const tf = terraform()
  assert.equal(tf.aws_sqs_queue.orders.visibility_timeout_seconds, '${var.timeout_seconds * 6}')
  assert.equal(tf.aws_lambda_function.this.timeout, '${var.timeout_seconds}')
  assert.match(tf.aws_sqs_queue.orders.redrive_policy, /dead_letters\.arn/)
  assert.ok(tf.aws_sqs_queue.dead_letters)
  assert.deepEqual(tf.aws_lambda_event_source_mapping.orders.function_response_types, [reported])
  // All three build one function of one layer for one processor.
  const { Runtime, Architectures, Handler, MemorySize } = sam.Function.Properties
  const { runtime, architecture } = slsFile.provider
  const made = tf.aws_lambda_function.this
  assert.deepEqual(
    [runtime, [architecture], sls.handler, sls.memorySize],
    [Runtime, Architectures, Handler, MemorySize],
  )
  assert.deepEqual(
    [made.runtime, made.architectures, made.handler, made.memory_size],
    [Runtime, Architectures, Handler, MemorySize],
  )
})

test("the templates are what CloudFormation and SAM take, by AWS's own linter", {
  skip: missing('python3'),
}, () => {
  const own = ['lambda/template.yaml', '../lambda-node/template.yaml', '../lambda-php/template.yaml']
  const { status, stdout, stderr } = python(
    ['-c', 'from cfnlint.runner import main; main()', ...own],
    [
      'cfn-lint==1.58.0',
      'jsonpatch==1.48',
      'jsonpointer==3.12',
      'networkx==3.6.1',
      'PyYAML==6.0.4',
      'regex==2026.11.19',
      'sympy==1.14.0',
      'mpmath==1.3.0',
      'typing_extensions==4.16.0',
    ],
  )
  assert.equal(status, 0, stdout + stderr)
})

test('systemd finds no fault in the unit', async (t) => {
  const folder = await testFolder(t)
  const unit = join(folder, 'relayrunner.service')
  // Programs, users and folders that are not on this machine.
  const own = text('systemd/relayrunner.service')
    .replace(/^(ExecStart\w*)=\S+/gm, '$1=/bin/true')
    .replace(/^(User|WorkingDirectory)=.*\n/gm, '')
  await writeFile(unit, own)
  const { status, stderr } = spawnSync('systemd-analyze', ['verify', '--man=no', unit], { encoding: 'utf8' })
  // An unknown key is only a warning.
  assert.deepEqual(
    [status, stderr.split('\n').filter((line) => line.includes('relayrunner.service'))],
    [0, []],
  )
})

test('the images start by the entry point of process 1, and copy what their configuration runs', () => {
  for (const language of ['node', 'php']) {
    const dockerfile = text(`${language}/Dockerfile`)
    assert.match(dockerfile, /^ENTRYPOINT \["\/app\/node_modules\/relayrunner\/docker-entrypoint"\]$/m)
    assert.match(dockerfile, /^RUN node_modules\/\.bin\/rr validate$/m)
    const [, copied = ''] = /^COPY (package\.json .*) \.\/$/m.exec(dockerfile) ?? []
    const { server, jobs, http, metrics, status } = parse(text(`${language}/rr.yaml`))
    for (const command of [server.command, jobs.pool.command])
      assert.ok(copied.split(' ').includes(command.split(' ')[1]), command)
    const exposed = [http, metrics, status].map(({ address }) => address.slice(1)).join(' ')
    assert.match(dockerfile, new RegExp(`^EXPOSE ${exposed}$`, 'm'))
    assert.match(dockerfile, new RegExp(`127\\.0\\.0\\.1${status.address}/health`))
  }
})
