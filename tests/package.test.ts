import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { checkPackage, createPackageFromTarballData } from '@arethetypeswrong/core'
import { publint } from 'publint'
import { packSelf } from './helpers/pack.js'

const folder = mkdtempSync(join(tmpdir(), 'rr-package-'))
after(() => rmSync(folder, { recursive: true, force: true }))
const tarball = await packSelf(folder)

test('the package is small, and has no source maps without their sources', () => {
  assert.ok(statSync(tarball).size < 1_600_000, `${statSync(tarball).size} bytes`)
  const { stdout } = spawnSync('tar', ['-tzf', tarball], { encoding: 'utf8' })
  assert.deepEqual(
    stdout.split('\n').filter((file) => file.endsWith('.map')),
    [],
  )
})

test('publint has nothing to say of our own manifest but that the command begins with a line for the shell', async () => {
  const { messages } = await publint({ pack: { tarball: bufferOf(tarball) }, level: 'warning', strict: true })
  // An example is a package to be copied: there its manifest is the root's.
  const others = messages.filter(({ code, args }) => {
    if (code === 'NESTED_PACKAGE_JSON_FIELD_IGNORED') return !args.filePath.startsWith('./examples/')
    return code !== 'BIN_FILE_NOT_EXECUTABLE'
  })
  assert.deepEqual(others, [])
})

test('every export has types that fit how Node and bundlers resolve it', async () => {
  const checked = await checkPackage(createPackageFromTarballData(new Uint8Array(readFileSync(tarball))))
  assert.ok(checked.types !== false)
  // An ES module: `require` gives it from Node 20.19 on, and the resolution of Node 10 knows no exports.
  const kinds = checked.problems.filter((problem) => {
    return (
      problem.kind !== 'CJSResolvesToESM' &&
      !('resolutionKind' in problem && problem.resolutionKind === 'node10')
    )
  })
  assert.deepEqual(kinds, [])
})

function bufferOf(file: string): ArrayBuffer {
  return new Uint8Array(readFileSync(file)).buffer
}
