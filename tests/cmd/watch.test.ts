import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { appendFile, mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { watchFolder } from '../../cmd/watch.js'
import { rrCommand } from '../helpers/project.js'
import { invoke, lambdaConfig, started, startRr, testFolder, workerText } from '../helpers/rr.js'
import { eventually } from '../helpers/wait.js'
import { ManualClock } from '../ipc/manual-clock.js'

test('many changes at once are one, and files that change by themselves are none', async (t) => {
  const folder = await testFolder(t)
  const quiet = ['node_modules/a', '.git', 'var/cache', 'cache', 'logs', 'log', '.cache', 'vendor']
  for (const name of [...quiet, 'src']) await mkdir(join(folder, name), { recursive: true })
  const clock = new ManualClock()
  const seen: string[] = []
  const watch = await watchFolder(folder, (path) => seen.push(path), clock)
  t.after(() => watch.close())
  for (const name of quiet) await writeFile(join(folder, name, 'file.js'), 'x')
  for (const name of ['app.log', 'rr.pid', '.x.swp']) await writeFile(join(folder, name), 'x')
  await writeFile(join(folder, 'src', 'a.js'), 'x')
  await eventually(() => clock.timerCount === 1)
  await writeFile(join(folder, 'src', 'b.js'), 'x')
  await writeFile(join(folder, 'src', 'last.js'), 'x')
  await eventually(() => {
    clock.advance(200)
    return seen.includes('src/last.js')
  })
  assert.deepEqual(
    seen.filter((path) => !path.startsWith('src/')),
    [],
  )
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
  const reset = spawnSync(process.execPath, [rrCommand, 'reset'], { cwd: folder, encoding: 'utf8' })
  assert.equal(reset.status, 1)
  assert.match(
    reset.stderr,
    /^rr: pool "lambda" was not reset, 1 of 1 old workers stay: .*syntax error in the new code/,
  )
  const told = () => rr.lines().filter(({ message }) => message === 'the workers were not replaced')
  await eventually(() => told().length === 2)
  await writeFile(code, 'good')
  await rr.line(({ message }) => message === 'the workers were replaced')
  await appendFile(join(folder, 'rr.yaml'), '# edited')
  await rr.line(({ level, message }) => level === 'warn' && message.startsWith('the configuration is read'))
  await eventually(async () => (await invoke(rr, '1')).body !== before)
})
