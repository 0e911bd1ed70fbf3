/** The examples of a deployed server run as their images lay them out: as another user, with nothing but /tmp to write to. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { chmod, cp, mkdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { parse } from 'yaml'
import { freePorts } from '../helpers/free-ports.js'
import { ask } from '../helpers/http.js'
import { installPacked } from '../helpers/installed.js'
import { missing, projectFolder } from '../helpers/project.js'
import { noRedis, redisServer } from '../helpers/redis-server.js'
import { type RunningRr, startRr, testFolder } from '../helpers/rr.js'
import { notRoot, plainUser } from '../helpers/users.js'
import { eventually } from '../helpers/wait.js'

const examples = join(projectFolder, 'examples/deploy')

/** Lays the image's files out: the packages, and what the Dockerfile copies. */
async function image(t: TestContext, language: string): Promise<string> {
  const folder = join(await testFolder(t), 'app')
  await mkdir(folder)
  await installPacked(folder)
  const dockerfile = await readFile(join(examples, language, 'Dockerfile'), 'utf8')
  const [, files = ''] = /^COPY (package\.json .*) \.\/$/m.exec(dockerfile) ?? []
  for (const file of files.split(' ')) await cp(join(examples, language, file), join(folder, file))
  await chmod(join(folder, '..'), 0o755)
  return folder
}

interface Probe {
  readonly httpGet: { readonly path: string; readonly port: string }
}

/** The probes of the manifest, and the ports that they name. */
async function manifest() {
  const text = await readFile(join(examples, 'kubernetes/deployment.yaml'), 'utf8')
  const [container] = parse(text).spec.template.spec.containers
  const ports = new Map<string, number>(
    container.ports.map((port: { name: string; containerPort: number }) => [port.name, port.containerPort]),
  )
  const args: readonly string[] = container.args
  const probes: Readonly<Record<'startup' | 'readiness' | 'liveness', Probe>> = {
    startup: container.startupProbe,
    readiness: container.readinessProbe,
    liveness: container.livenessProbe,
  }
  return { ports, args, probes }
}

/** Starts the image with the words of the manifest, on ports of its own. */
async function start(t: TestContext, language: string) {
  const { ports, args, probes } = await manifest()
  const folder = await image(t, language)
  const redis = await redisServer(t)
  const [http = 0, metrics = 0, status = 0] = await freePorts(3)
  const own = new Map(Object.entries({ http, metrics, status }))
  const settings = parse(await readFile(join(folder, 'rr.yaml'), 'utf8'))
  for (const name of own.keys()) assert.equal(settings[name].address, `:${ports.get(name)}`)
  const words = args.map((word) => ({ '/app': folder, '/etc/relayrunner/rr.yaml': 'rr.yaml' })[word] ?? word)
  const { uid, gid } = plainUser()
  const server = await startRr(
    t,
    [...words, ...[...own].flatMap(([name, port]) => ['-o', `${name}.address=127.0.0.1:${port}`])],
    {
      folder,
      env: { REDIS_URL: `redis://${redis.address}/0` },
      command: [
        'setpriv',
        `--reuid=${uid}`,
        `--regid=${gid}`,
        '--clear-groups',
        join(folder, 'node_modules/relayrunner/docker-entrypoint'),
      ],
    },
  )
  const probe = ({ httpGet: { path, port } }: Probe) => ask(own.get(port) ?? 0, path)
  return { server, folder, user: { uid, gid }, probes, probe, http, metrics }
}

/** Resolves once the probe answers so; a server that has died fails the test. */
async function answers(server: RunningRr, probe: () => Promise<{ readonly status: number }>, status: number) {
  await eventually(async () => {
    assert.equal(server.child.exitCode, null, server.text())
    const answer = await probe().catch(() => undefined)
    return answer?.status === status
  })
}

for (const [language, skip] of [
  ['node', notRoot || noRedis],
  ['php', notRoot || noRedis || missing('php')],
] as const)
  test(`the ${language} image serves and consumes, and its probes say so`, { skip }, async (t) => {
    const { server, folder, user, probes, probe, http, metrics } = await start(t, language)
    await answers(server, () => probe(probes.startup), 200)
    assert.equal((await ask(http, '/')).text, 'hello\n')
    assert.match((await ask(metrics, '/metrics')).text, /^rr_pool_live_workers\{pool="http"\} 2$/m)
    // As the same user: a server answers nobody else but root, and is found by its user.
    const program = join(folder, 'node_modules/.bin/rr')
    const told = spawnSync(program, ['jobs', 'push', 'mail', '--body', '{"to":"ann"}'], {
      cwd: folder,
      encoding: 'utf8',
      ...user,
    })
    assert.equal(told.status, 0, told.stderr)
    assert.equal((await server.line(({ message }) => message === 'sent')).to, 'ann')
    for (const one of Object.values(probes)) assert.equal((await probe(one)).status, 200)
    server.child.kill('SIGTERM')
    assert.equal(await server.ended, 0, server.text())
  })
