import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { lambdaConfig, started, startRr, testFolder, workerText } from '../../../helpers/rr.js'

test('changes of rr.yaml and of unrelated files restart nothing, one of the code says what and why', async (t) => {
  const folder = await testFolder(t)
  const more = 'emulator: { address: "127.0.0.1:0" }\ndev: { watch: ["templates/**"] }'
  const rr = await startRr(t, ['dev', '-o', 'logs.encoding=json'], {
    folder,
    config: lambdaConfig(workerText('echo'), { count: 1, more }),
  })
  await started(rr)
  await writeFile(join(folder, 'answer.out'), '{}')
  await writeFile(
    join(folder, 'rr.yaml'),
    lambdaConfig(workerText('echo'), { count: 1, more: `${more}\n# edited` }),
  )
  const told = await rr.line(({ message }) => message.startsWith('this file is read at the start only'))
  assert.deepEqual([told.level, told.path], ['warn', 'rr.yaml'])
  await writeFile(join(folder, 'lib.mjs'), 'export {}')
  const restart = await rr.line(({ message }) => message === 'a file changed, restarting the workers')
  assert.deepEqual([restart.path, restart.pools], ['lib.mjs', 'lambda'])
  await rr.line(({ message }) => message === 'the workers were replaced')
  const restarts = rr.lines().filter(({ message }) => message === 'a file changed, restarting the workers')
  assert.equal(restarts.length, 1)
})

test('a pool that cannot boot says once that it waits, until a file changes', async (t) => {
  const folder = await testFolder(t)
  await writeFile(join(folder, 'app.mjs'), 'process.exit(1)')
  const config = lambdaConfig(`${process.execPath} app.mjs`, {
    count: 3,
    more: 'emulator: { address: "127.0.0.1:0" }',
  })
  const rr = await startRr(t, ['dev', '-o', 'logs.encoding=json'], { folder, config })
  const waits = () => rr.lines().filter(({ message }) => message.startsWith('no worker could boot: waiting'))
  await rr.line(({ message }) => message.startsWith('no worker could boot: waiting'))
  await writeFile(join(folder, 'app.mjs'), 'process.exit(2)')
  await rr.line(({ message }) => message === 'a file changed, restarting the workers')
  await rr.line(() => waits().length === 2)
  assert.equal(waits().length, 2)
})
