import assert from 'node:assert/strict'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { ErrorCode, hasCode } from '../../../src/core/errors.js'
import { globPattern, matchingFiles } from '../../../src/plugins/grpc/protos/glob.js'
import { testFolder } from '../../helpers/rr.js'

test('patterns match names as shells do', () => {
  const cases: readonly (readonly [pattern: string, path: string, matches: boolean])[] = [
    ['*.proto', 'a.proto', true],
    ['*.proto', 'a.protos', false],
    ['*.proto', 'b/a.proto', false],
    ['*/a.proto', 'b/a.proto', true],
    ['**/*.proto', 'a.proto', true],
    ['**/*.proto', 'b/c/a.proto', true],
    ['b/**', 'b/c/a.proto', true],
    ['?.proto', 'ab.proto', false],
    ['{a,b}.proto', 'b.proto', true],
    ['{a,b}.proto', 'c.proto', false],
    ['[ab].proto', 'a.proto', true],
    ['[!ab].proto', 'a.proto', false],
    ['a+(b).proto', 'a+(b).proto', true],
    ['a.b', 'axb', false],
  ]
  for (const [pattern, path, matches] of cases)
    assert.equal(globPattern(pattern).test(path), matches, `${pattern} and ${path}`)
})

test('the files of a pattern are found below its fixed part, sorted; none is a fault', async (t) => {
  const folder = await testFolder(t)
  await mkdir(join(folder, 'b/c'), { recursive: true })
  for (const name of ['z.proto', 'b/y.proto', 'b/c/x.proto', 'b/c/x.txt'])
    await writeFile(join(folder, name), '')
  const found = async (pattern: string) =>
    (await matchingFiles(join(folder, pattern))).map((path) => path.slice(folder.length + 1))
  assert.deepEqual(await found('**/*.proto'), ['b/c/x.proto', 'b/y.proto', 'z.proto'])
  assert.deepEqual(await found('b/*/*'), ['b/c/x.proto', 'b/c/x.txt'])
  assert.deepEqual(await found('no-pattern.proto'), ['no-pattern.proto'])
  await assert.rejects(
    found('*.none'),
    (error) => hasCode(error, ErrorCode.ConfigInvalid) && /matches no file/.test(String(error)),
  )
})
