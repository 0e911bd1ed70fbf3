import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join, relative } from 'node:path'
import { type TestContext, test } from 'node:test'
import { projectFolder, rrCommand } from '../helpers/project.js'
import { invoke, lambdaConfig, started, startRr, testFolder, workerText } from '../helpers/rr.js'

const config = lambdaConfig(workerText('echo'), { count: 1 })

/** `rr: CODE: text` and a hint below it, nothing else. */
function assertSaid(text: string, code: string): void {
  assert.match(text, new RegExp(`^rr: ${code}: .+\\n {4}\\S.*\\n$`))
}

test('a working directory that is not there, or is a file, is one line with its path and a hint', async (t) => {
  for (const folder of ['nowhere', 'rr.yaml']) {
    const rr = await startRr(t, ['serve', '-w', folder], { config })
    assert.equal(await rr.ended, 78)
    assertSaid(rr.text(), 'RR_CONFIG_NOT_FOUND')
    assert.match(rr.text(), new RegExp(folder))
  }
})

test('a working directory that was removed is said by every command', async (t) => {
  const folder = await testFolder(t)
  for (const command of ['serve', 'workers', 'validate']) {
    const gone = join(folder, 'gone')
    await mkdir(gone)
    const script = `cd ${gone} && rmdir ${gone} && exec ${process.execPath} ${rrCommand} ${command}`
    const run = spawnSync('sh', ['-c', script], { encoding: 'utf8', cwd: folder })
    assertSaid(run.stderr, 'RR_CONFIG_NOT_FOUND')
    assert.equal(run.status, 1)
  }
})

test('a port that is taken is said in the same form', async (t) => {
  const other = createServer().listen(0, '127.0.0.1')
  t.after(() => other.close())
  await once(other, 'listening')
  const address = other.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  const rr = await startRr(t, ['serve', '-o', `emulator.address=127.0.0.1:${port}`], { config })
  assert.equal(await rr.ended, 1)
  assertSaid(rr.text(), 'RR_ADDRESS_IN_USE')
})

test('it serves without mkfifo, with a TMPDIR that is not there and without HOME, and says what it lacks', async (t) => {
  const folder = await testFolder(t)
  await mkdir(join(folder, 'bin'))
  await symlink('/bin/sh', join(folder, 'bin/sh'))
  await writeFile(join(folder, 'rr.yaml'), config)
  const script = `export PATH=${join(folder, 'bin')} TMPDIR=/nowhere; unset HOME; exec ${process.execPath} ${rrCommand} "$@"`
  const rr = await startRr(t, ['serve'], { folder, command: ['sh', '-c', script, 'sh'] })
  await started(rr)
  assert.equal((await invoke(rr, '1')).body, '1')
  assert.ok(rr.lines().some(({ level, message }) => level === 'warn' && /no watchdog/.test(message)))
  rr.child.kill('SIGTERM')
  assert.equal(await rr.ended, 0)
  await rm(join(folder, 'bin'), { recursive: true })
})

/** Prefix of commands that may mount without anybody else seeing it. Root may; others are made root of a user namespace. */
const ownMounts = ['unshare', process.getuid?.() === 0 ? '-m' : '-mUr'] as const

function assertMayMount(): void {
  const [file, flag] = ownMounts
  const run = spawnSync(file, [flag, 'mount', '-t', 'tmpfs', 'none', '/tmp'], { encoding: 'utf8' })
  assert.equal(run.status, 0, `this test needs root, or user namespaces that may mount: ${run.stderr}`)
}

/** Runs `rr serve` after `prepare` has changed the mounts. The checkout and Node are mounted again where no other mount hides them. */
async function serveMounted(t: TestContext, prepare: string) {
  const folder = await mkdtemp('/var/tmp/rr-e2e-')
  t.after(() => rm(folder, { recursive: true }))
  const [project, node] = [join(folder, 'project'), join(folder, 'node')]
  await mkdir(project)
  await writeFile(node, '')
  await writeFile(
    join(folder, 'rr.yaml'),
    config.replaceAll(projectFolder, project).replaceAll(process.execPath, node),
  )
  const script = [
    `mount --bind ${projectFolder} ${project}`,
    `mount --bind ${process.execPath} ${node}`,
    prepare,
    `exec ${node} ${join(project, relative(projectFolder, rrCommand))} serve`,
  ].join(' && ')
  const [file, flag] = ownMounts
  return spawnSync(file, [flag, 'sh', '-c', script], { cwd: folder, encoding: 'utf8', timeout: 60_000 })
}

const unusable: readonly (readonly [what: string, prepare: string, cause: RegExp])[] = [
  ['is read-only', 'mount -t tmpfs -o ro none /tmp', /cannot create the folder \/tmp\/rr-\d+: EROFS/],
  [
    'has become read-only',
    'mount -t tmpfs none /tmp && mkdir -m 700 /tmp/rr-$(id -u) && mount -o remount,ro none /tmp',
    /cannot write in the folder \/tmp\/rr-.*EROFS/,
  ],
  [
    'has no space',
    'mount -t tmpfs -o size=8k none /tmp && { head -c 8192 /dev/zero >/tmp/full 2>/dev/null; true; }',
    /cannot write in the folder \/tmp\/rr-.*ENOSPC/,
  ],
]
// Each of these steps of a start finds no inode in its turn.
const steps = {
  1: 'the folder',
  2: 'the lock',
  4: 'the card',
  5: 'the control socket',
  6: 'the worker socket',
}
const places = Object.entries(steps).map(
  ([inodes, step]) =>
    [
      `has no inode for ${step}`,
      `mount -t tmpfs -o nr_inodes=${inodes} none /tmp`,
      /\/tmp\/rr-.*ENOSPC/,
    ] as const,
)
for (const [what, prepare, cause] of [...unusable, ...places]) {
  test(`a /tmp that ${what} is one line with the folder, the cause and a hint`, async (t) => {
    assertMayMount()
    const { status, stderr } = await serveMounted(t, prepare)
    assertSaid(stderr, 'RR_PRIVATE_FOLDER')
    assert.match(stderr, cause)
    assert.equal(status, 1)
  })
}

test('it serves without /proc, and says what it lacks', async (t) => {
  assertMayMount()
  const script = `mount -t tmpfs none /proc && exec ${process.execPath} ${rrCommand} "$@"`
  const rr = await startRr(t, ['serve'], { config, command: [...ownMounts, 'sh', '-c', script, 'sh'] })
  await started(rr)
  assert.equal((await invoke(rr, '1')).body, '1')
  assert.ok(rr.lines().some(({ level, message }) => level === 'warn' && /mkfifo failed/.test(message)))
  rr.child.kill('SIGTERM')
  assert.equal(await rr.ended, 0)
})

test('a fault of the configuration that only the set-up of a plugin finds is said with its hint, exit 78', async (t) => {
  const jobs = 'jobs: { pipelines: { mail: { driver: redis } } }\nredis: { tls: { root_ca: nowhere.pem } }'
  const rr = await startRr(t, ['serve'], { config: `${config}\n${jobs}\n` })
  assert.equal(await rr.ended, 78)
  assertSaid(rr.text(), 'RR_CONFIG_INVALID')
  assert.match(rr.text(), /`tls\.root_ca` of Redis names a file that cannot be read.*nowhere\.pem/)
})
