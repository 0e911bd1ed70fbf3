import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseTemplate } from '../../config/cloud-template.js'
import { plain } from '../../src/schema/tree.js'

async function read(text: string): Promise<unknown> {
  const { tree, problems } = await parseTemplate(text, 'template.yaml')
  assert.deepEqual(problems, [])
  return plain(tree)
}

test('short tags are their long forms, nested ones too', async () => {
  const long = {
    a: { Ref: 'X' },
    b: { 'Fn::GetAtt': 'Queue.Arn' },
    c: { 'Fn::If': ['IsProd', { 'Fn::Sub': '${A}-${AWS::Region}' }, { Ref: 'AWS::NoValue' }] },
    d: { Condition: 'Other' },
  }
  const short =
    'a: !Ref X\nb: !GetAtt Queue.Arn\nc: !If [IsProd, !Sub "${A}-${AWS::Region}", !Ref AWS::NoValue]\nd: !Condition Other\n'
  assert.deepEqual(await read(short), long)
  assert.deepEqual(await read(JSON.stringify(long)), long)
})

test('variables stay as they are written, whatever the environment holds', async () => {
  assert.deepEqual(await read('a: ${HOME}\nb: $PATH\n'), { a: '${HOME}', b: '$PATH' })
})

test('merge keys, and a key written twice, which AWS takes by its last value', async () => {
  const text =
    'x: &x { a: 1, b: 1 }\ny: &y { a: 2, c: 2 }\nz: { b: 3, <<: [*x, *y] }\nz2: { <<: *x, b: 9 }\na: 1\na: 2\n'
  const { z, z2, a } = Object(await read(text))
  assert.deepEqual([z, z2, a], [{ a: 1, b: 3, c: 2 }, { a: 1, b: 9 }, 2])
})

test('a file that is no YAML has problems with places, and bombs of aliases have no effect', async () => {
  const broken = await parseTemplate('a: [\n', 'template.yaml')
  assert.match(broken.problems[0]?.what ?? '', /^not YAML/)
  const bomb = [
    'a0: &a0 [x, x]',
    ...Array.from({ length: 9 }, (_, i) => `a${i + 1}: &a${i + 1} [*a${i}, *a${i}, *a${i}]`),
  ]
  const { problems } = await parseTemplate(bomb.join('\n'), 'template.yaml')
  assert.match(problems[0]?.what ?? '', /more than 64 aliases/)
})
