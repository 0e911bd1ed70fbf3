import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { compileConfig, compiledTree, unpackTree } from '../../config/compiled.js'
import { parseYaml } from '../../config/yaml/yaml.js'
import { projectFolder } from '../helpers/project.js'

const about = { version: '1', sections: ['server', 'lambda', 'logs'] }
const env = { WORKER: 'w.php', COUNT: '3' }
const file = 'rr.yaml'
const withVariables = [
  'version: "3"',
  'server: { command: "php ${WORKER}", env: { A: $COUNT, B: "${MISSING}", C: "${NONE:-d}" } }',
  'lambda: { pool: { num_workers: 4 } }',
  'list: [1, two, null, true, { a: b }]',
  '',
].join('\n')

test('a compiled file is what reading its YAML gives: values, places, variables and warnings', async () => {
  const example = readFileSync(join(projectFolder, 'rr.yaml.example'), 'utf8')
  for (const text of [withVariables, example, 'a', '']) {
    const compiled = JSON.parse(JSON.stringify(await compileConfig([text], about)))
    const packed = compiledTree(compiled, text)
    assert.ok(packed)
    assert.deepEqual(unpackTree(packed, { file, env }), await parseYaml(text, { file, env }))
  }
})

test('a compiled file holds no values of variables, and is used for its own text only', async () => {
  const compiled = await compileConfig([withVariables], about)
  assert.doesNotMatch(JSON.stringify(compiled), /w\.php/)
  assert.equal(compiledTree(compiled, `${withVariables} `), undefined)
})

test('sections without variables count as valid, also those that were not written', async () => {
  assert.deepEqual((await compileConfig([withVariables], about)).valid, ['lambda', 'logs'])
})
