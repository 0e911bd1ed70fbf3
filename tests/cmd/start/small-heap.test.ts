import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { pathToFileURL } from 'node:url'
import { buildFolder, projectFolder } from '../../helpers/project.js'

const module = pathToFileURL(join(buildFolder, 'cmd/start/small-heap.js')).href
/** Makes much garbage of which some lives for a while; prints the size of the young heap in MB. */
const load = `import { getHeapSpaceStatistics } from 'node:v8'
import { keepHeapSmall } from '${module}'
if (process.argv[1] === 'small') keepHeapSmall(0)
setTimeout(() => {
  const kept = []
  for (let count = 0; count < 3e6; count += 1) {
    kept[count % 50_000] = { count, text: 'x' + count }
  }
  const young = getHeapSpaceStatistics().find(({ space_name: name }) => name === 'new_space')
  console.log(Math.round(young.space_size / 2 ** 20))
}, 50)`

function youngMegabytes(how: string): number {
  const words = ['--input-type=module', '-e', load, how]
  const { stdout, stderr } = spawnSync(process.execPath, words, { encoding: 'utf8' })
  assert.equal(stderr, '')
  return Number(stdout)
}

test('the young heap stays small under load, and grows without the flags', () => {
  const [small, usual] = [youngMegabytes('small'), youngMegabytes('usual')]
  assert.ok(small <= 4 && usual >= 2 * small, `${small} MB, without the flags ${usual} MB`)
})

test('the shipped bootstrap script starts node without options of V8', () => {
  assert.match(
    readFileSync(join(projectFolder, 'bootstrap'), 'utf8'),
    /exec node "\$rr\/dist\/cmd\/rr\.js" bootstrap/,
  )
})
