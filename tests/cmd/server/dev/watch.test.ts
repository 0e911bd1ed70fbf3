import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { appendFile, chmod, mkdir, rename, rm, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { type Unwatched, watchFolder } from '../../../../cmd/server/dev/watch.js'
import { rrCommand } from '../../../helpers/project.js'
import { invoke, lambdaConfig, started, startRr, testFolder, workerText } from '../../../helpers/rr.js'
import { eventually } from '../../../helpers/wait.js'
import { ManualClock } from '../../../ipc/manual-clock.js'

/** A watched folder, whose changes are told as soon as they are asked for. */
async function watched(t: TestContext, folder: string) {
  const clock = new ManualClock()
  const seen: string[] = []
  const faults: Unwatched[] = []
  const watch = watchFolder({
    folder,
    onChange: (paths) => seen.push(...paths),
    onUnwatched: (what) => faults.push(what),
    clock,
  })
  t.after(() => watch.close())
  await watch.ready
  /** Waits for a change of `path`, which `change` makes again and again, and forgets what was seen. */
  const sees = async (path: string, change?: () => Promise<void>) => {
    await eventually(async () => {
      await change?.()
      clock.advance(200)
      return seen.includes(path)
    })
    seen.length = 0
  }
  return { clock, seen, faults, sees }
}

test('many changes at once are one, and files that change by themselves are none', async (t) => {
  const folder = await testFolder(t)
  const quiet = ['node_modules/a', '.git', 'var/cache', 'cache', 'logs', 'log', '.cache', 'vendor']
  for (const name of [...quiet, 'src']) await mkdir(join(folder, name), { recursive: true })
  const { clock, seen, sees } = await watched(t, folder)
  for (const name of quiet) await writeFile(join(folder, name, 'file.js'), 'x')
  for (const name of ['app.log', 'rr.pid', '.x.swp']) await writeFile(join(folder, name), 'x')
  for (const name of ['a.js', 'b.js', 'last.js']) await writeFile(join(folder, 'src', name), 'x')
  await eventually(() => clock.timerCount === 1)
  assert.deepEqual(seen, [])
  await sees('src/last.js')
})

test('ignored paths are not watched, and a change of an unwanted file counts for nothing', async (t) => {
  const folder = await testFolder(t)
  for (const name of ['tmp', 'src']) await mkdir(join(folder, name))
  const clock = new ManualClock()
  const seen: string[] = []
  const watch = watchFolder({
    folder,
    onChange: (paths) => seen.push(...paths),
    isIgnored: (path) => path === 'tmp',
    isWanted: (path) => path.endsWith('.php'),
    onUnwatched: () => assert.fail('all can be watched'),
    clock,
  })
  t.after(() => watch.close())
  await watch.ready
  for (const name of ['tmp/a.php', 'src/a.txt', 'src/a.php']) await writeFile(join(folder, name), 'x')
  await eventually(() => {
    clock.advance(200)
    return seen.length > 0
  })
  assert.deepEqual(seen, ['src/a.php'])
})

test('what editors, git and deployments do is seen, each time anew', async (t) => {
  const folder = await testFolder(t)
  await mkdir(join(folder, 'src/deep'), { recursive: true })
  const file = join(folder, 'src/deep/a.js')
  await writeFile(file, '1')
  const { sees } = await watched(t, folder)
  const save = async (text: string) => {
    await writeFile(`${file}.new`, text)
    await rename(`${file}.new`, file)
  }
  for (const text of ['2', '3']) {
    await save(text)
    await sees('src/deep/a.js')
  }
  for (const round of [1, 2]) {
    await rm(join(folder, 'src'), { recursive: true })
    await mkdir(join(folder, 'src/deep'), { recursive: true })
    await sees('src/deep/a.js', () => appendFile(file, String(round)))
  }
  await rename(join(folder, 'src'), join(folder, 'lib'))
  await sees('lib/deep/a.js', () => appendFile(join(folder, 'lib/deep/a.js'), 'x'))
})

test('links are followed, circles of them end, and a link that is pointed elsewhere is a change', async (t) => {
  const outside = await testFolder(t)
  const folder = await testFolder(t)
  await writeFile(join(outside, 'shared.js'), '1')
  for (const version of ['..v1', '..v2']) {
    await mkdir(join(folder, 'config', version), { recursive: true })
    await writeFile(join(folder, 'config', version, 'app.js'), version)
  }
  await symlink('..v1', join(folder, 'config/..data'))
  await symlink('..data/app.js', join(folder, 'config/app.js'))
  await symlink(join(outside, 'shared.js'), join(folder, 'shared.js'))
  await symlink('.', join(folder, 'loop'))
  await symlink('..', join(folder, 'config/up'))
  await symlink('round', join(folder, 'round'))
  await symlink('nowhere', join(folder, 'dangling'))
  const { sees, faults } = await watched(t, folder)
  for (const version of ['..v2', '..v1']) {
    await symlink(version, join(folder, 'config/..data_tmp'))
    await rename(join(folder, 'config/..data_tmp'), join(folder, 'config/..data'))
    await sees('config/..data')
  }
  await appendFile(join(outside, 'shared.js'), '2')
  await sees('shared.js')
  assert.deepEqual(faults, [])
})

test('a release that is reached by a link is watched anew when the link is pointed to the next one', async (t) => {
  const folder = await testFolder(t)
  for (const release of ['1', '2']) {
    await mkdir(join(folder, 'releases', release), { recursive: true })
    await writeFile(join(folder, 'releases', release, 'a.js'), release)
  }
  await symlink('releases/1', join(folder, 'current'))
  const { sees } = await watched(t, join(folder, 'current'))
  await symlink('releases/2', join(folder, 'next'))
  await rename(join(folder, 'next'), join(folder, 'current'))
  await sees('.')
  await sees('a.js', () => appendFile(join(folder, 'releases/2/a.js'), 'x'))
})

/** `rr dev` as a user without rights and, where `limit` names one, with a limit of the kernel of its own. */
function devWithout(t: TestContext, folder: string, limit: string) {
  const script = `echo 3 >/proc/sys/user/${limit} && exec "$@"`
  return startRr(t, ['dev', '-o', 'logs.encoding=json'], {
    folder,
    command: ['unshare', '-Ur', 'sh', '-c', script, 'sh', process.execPath, rrCommand],
  })
}

const noLimits =
  spawnSync('unshare', ['-Ur', 'sh', '-c', 'echo 3 >/proc/sys/user/max_inotify_watches']).status === 0
    ? false
    : 'this machine does not let us limit inotify'

test('what cannot be watched is one warning with its paths and what to raise; the rest goes on', {
  skip: noLimits,
}, async (t) => {
  const folder = await testFolder(t)
  for (const name of ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h']) await mkdir(join(folder, name))
  const more = 'emulator: { address: "127.0.0.1:0" }'
  await writeFile(join(folder, 'rr.yaml'), lambdaConfig(workerText('echo'), { count: 1, more }))
  const rr = await devWithout(t, folder, 'max_inotify_watches')
  const line = await rr.line(({ logger }) => logger === 'watch')
  assert.deepEqual([line.level, line.code, line.count], ['warn', 'ENOSPC', 6])
  assert.match(String(line.hint), /fs\.inotify\.max_user_watches/)
  assert.ok(Array.isArray(line.paths) && line.paths.length === 5)
  assert.equal((await invoke(rr, '1')).body, '1')
  assert.equal(rr.lines().filter(({ logger }) => logger === 'watch').length, 1)
})

test('a folder that may not be read is a warning with its path, at the start and later', {
  skip: process.getuid?.() === 0 ? false : 'only root can take its rights away here',
}, async (t) => {
  const folder = await testFolder(t)
  const more = 'emulator: { address: "127.0.0.1:0" }'
  await writeFile(join(folder, 'rr.yaml'), lambdaConfig(workerText('echo'), { count: 1, more }))
  await chmod(folder, 0o755)
  await mkdir(join(folder, 'data'), { mode: 0o700 })
  const drop = [
    'setpriv',
    '--bounding-set',
    '-all',
    '--inh-caps',
    '-all',
    '--reuid',
    '65534',
    '--clear-groups',
  ] as const
  const rr = await startRr(t, ['dev', '-o', 'logs.encoding=json'], {
    folder,
    command: [...drop, process.execPath, rrCommand],
    env: { HOME: folder },
  })
  const warned = (path: string) =>
    rr.line(({ logger, paths }) => logger === 'watch' && JSON.stringify(paths) === JSON.stringify([path]))
  assert.equal((await warned('data')).code, 'EACCES')
  await started(rr)
  await mkdir(join(folder, 'later'), { mode: 0o700 })
  assert.equal((await warned('later')).code, 'EACCES')
  assert.equal((await invoke(rr, '1')).body, '1')
})

test('rr dev goes on with the old code while the new is broken, and takes it once it is mended', async (t) => {
  const folder = await testFolder(t)
  const code = join(folder, 'code.txt')
  await writeFile(code, 'good')
  const config = lambdaConfig(workerText('by-file', code), {
    count: 1,
    more: 'emulator: { address: "127.0.0.1:0" }',
  })
  const rr = await startRr(t, ['dev', '-o', 'logs.encoding=json'], { folder, config })
  await started(rr)
  const before = (await invoke(rr, '1')).body
  await writeFile(code, 'broken')
  const line = await rr.line(({ message }) => message === 'the workers were not replaced')
  assert.match(JSON.stringify(line.error), /RR_RESET_FAILED|syntax error in the new code/)
  assert.equal((await invoke(rr, '1')).body, before)
  const invoked = () => spawnSync(process.execPath, [rrCommand, 'invoke'], { cwd: folder, encoding: 'utf8' })
  assert.match(
    invoked().stderr,
    /^rr: the code that runs is older than its files: the last restart of pool lambda failed, the log says why$/m,
  )
  // The lines of the worker say it once.
  const texts = rr.lines().filter((one) => JSON.stringify(one).includes('syntax error in the new code'))
  assert.equal(texts.length, 1, JSON.stringify(texts))
  const reset = spawnSync(process.execPath, [rrCommand, 'reset'], { cwd: folder, encoding: 'utf8' })
  assert.equal(reset.status, 1)
  assert.match(
    reset.stderr,
    /^rr: RR_RESET_FAILED: pool "lambda" was not reset, 1 of 1 old workers stay: .*syntax error in the new code/,
  )
  const told = () => rr.lines().filter(({ message }) => message === 'the workers were not replaced')
  await eventually(() => told().length === 2)
  await writeFile(code, 'good')
  await rr.line(({ message }) => message === 'the workers were replaced')
  await appendFile(join(folder, 'rr.yaml'), '# edited')
  await rr.line(
    ({ level, message }) => level === 'warn' && message.startsWith('this file is read at the start only'),
  )
  await eventually(async () => (await invoke(rr, '1')).body !== before)
  assert.doesNotMatch(invoked().stderr, /older than its files/)
})
