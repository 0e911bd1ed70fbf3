import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { version } from '../../../cmd/version.js'
import { rr } from '../../helpers/command.js'
import { rrCommand } from '../../helpers/project.js'
import { testFolder } from '../../helpers/rr.js'

test('rr version names what runs, and each optional package and program that is here', async (t) => {
  const folder = await testFolder(t)
  // In the user's folder it does not help: drivers look beside relayrunner.
  await mkdir(join(folder, 'node_modules/pg'), { recursive: true })
  await writeFile(join(folder, 'node_modules/pg/package.json'), '{"version":"0.0.1"}')
  const [text, json] = [await rr(folder, ['version']), await rr(folder, ['version', '--json'])]
  const info = JSON.parse(json.out)
  assert.deepEqual([text.code, json.code, json.err], [0, 0, ''])
  assert.deepEqual([info.relayrunner, info.node], [version, process.versions.node])
  assert.equal(info.platform, `${process.platform} ${process.arch}`)
  assert.match(info.packages.pg, /^8\./)
  assert.ok(info.plugins.includes('lambda'))
  assert.equal(info.programs.mkfifo, true)
  const [first, second, ...rest] = text.out.split('\n')
  assert.equal(first, `relayrunner ${version}, compatible with RoadRunner ${info.roadrunner}`)
  assert.match(second ?? '', new RegExp(`^Node ${info.node} \\(V8 .+\\) on ${info.platform}, kernel `))
  assert.match(rest.join('\n'), /^packages: .*\bpg 8\.\d/m)
})

test('a program that is missing is named with what needs it', async (t) => {
  const cwd = await testFolder(t)
  const { stdout } = spawnSync(process.execPath, [rrCommand, 'version'], {
    cwd,
    env: { PATH: '/nowhere' },
    encoding: 'utf8',
  })
  assert.match(stdout, /^programs: mkfifo \(missing: relay: fifo.*setpriv \(missing: user, group\)/m)
})
