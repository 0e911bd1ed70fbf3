/** A third party's npm module with procedures in every codec, called by a bare Goridge client over the workers' socket. */
import assert from 'node:assert/strict'
import { mkdir, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { encode } from '@msgpack/msgpack'
import { encodeFrame, FrameFlag } from '../../src/ipc/frame.js'
import { rpcParts } from '../../src/ipc/rpc/codec.js'
import { projectFolder, shippedFolder } from '../helpers/project.js'
import { rawRpc } from '../helpers/rpc.js'
import { type RunningRr, started, startRr, testFolder } from '../helpers/rr.js'
import { eventually } from '../helpers/wait.js'

/** The functions of a message are as `pbf` generates them. */
const plugin = `
import { definePlugin, procedure, Rpc } from 'relayrunner'

const entry = {
  read(pbf, end) {
    const found = { key: '', value: '' }
    for (let field = pbf.nextField(end); field !== 0; field = pbf.nextField(end)) {
      if (field === 1) found.key = pbf.readString()
      else if (field === 2) found.value = pbf.readString()
    }
    return found
  },
  write({ key, value }, pbf) {
    pbf.writeStringField(1, key)
    pbf.writeStringField(2, value)
  },
}

export default definePlugin({
  name: 'stash',
  needs: { rpc: Rpc },
  setup({ needs, log }) {
    const kept = new Map()
    const put = ({ key, value }) => {
      kept.set(key, value)
      return { key, value: String(kept.size) }
    }
    needs.rpc.register('stash', {
      Count: { call: () => kept.size },
      Echo: { call: (input) => input },
      Put: procedure({ request: entry, reply: entry, audited: true, call: put }),
      Set: procedure({
        input: {
          type: 'object',
          properties: {
            key: { type: 'string', required: true },
            ttl: { type: 'string', format: 'duration', default: '5s' },
          },
        },
        call: (input) => input,
      }),
      Log: procedure({ raw: true, input: { type: 'string' }, call: (input) => \`\${input.length} \${input}\` }),
      Wait: {
        call: (_input, { signal }) =>
          new Promise((resolve) => signal.addEventListener('abort', () => {
            log.info({}, 'a wait was given up')
            resolve()
          })),
      },
    })
  },
})
`

async function serve(t: TestContext): Promise<RunningRr> {
  const folder = await testFolder(t)
  const modules = join(folder, 'node_modules')
  await mkdir(join(modules, 'relayrunner'), { recursive: true })
  await symlink(join(projectFolder, 'package.json'), join(modules, 'relayrunner/package.json'))
  await symlink(shippedFolder, join(modules, 'relayrunner/dist'))
  const own = join(modules, 'relayrunner-plugin-stash')
  await mkdir(own)
  await writeFile(
    join(own, 'package.json'),
    '{"name":"relayrunner-plugin-stash","version":"1.0.0","exports":"./index.mjs"}',
  )
  await writeFile(join(own, 'index.mjs'), plugin)
  await writeFile(join(folder, 'rr.yaml'), 'version: "3"\nplugins: [relayrunner-plugin-stash]\n')
  return startRr(t, ['serve'], { folder })
}

test('procedures of a third party’s plugin are called in JSON, MSGPACK, PROTO and RAW', async (t) => {
  const rr = await serve(t)
  const socket = String((await started(rr)).control)
    .replace('unix://', '')
    .replace('rpc.sock', 'worker.sock')
  const client = await rawRpc(t, socket)
  let sequence = 0
  const call = async (codec: number, method: string, data: Uint8Array | string) => {
    sequence += 1
    client.socket.write(encodeFrame(rpcParts({ sequence, method, codec, isError: false, data })))
    const answer = await client.answer(sequence)
    assert.equal(answer.codec, codec)
    return answer.isError
      ? `error: ${answer.data}`
      : codec === FrameFlag.msgpack || codec === FrameFlag.proto
        ? answer.data.toString('hex')
        : answer.data.toString()
  }
  const { json, msgpack, proto, raw } = FrameFlag
  const mem = Buffer.from('0a036d656d12017b', 'hex')
  assert.equal(await call(json, 'stash.Count', ''), '0')
  assert.equal(await call(json, 'stash.Echo', '{"a":[1,null]}'), '{"a":[1,null]}')
  assert.equal(await call(msgpack, 'stash.Echo', encode({ a: [1, null] })), '81a1619201c0')
  assert.equal(await call(proto, 'stash.Put', mem), '0a036d656d120131')
  assert.equal(await call(msgpack, 'stash.Count', ''), '01')
  assert.equal(await call(raw, 'stash.Log', 'hi'), '2 hi')
  assert.equal(await call(json, 'stash.Log', '"hi"'), '"2 hi"')
  assert.equal(await call(json, 'stash.Set', '{"key":"7"}'), '{"key":"7","ttl":5000}')
  assert.equal(
    await call(msgpack, 'stash.Set', encode({ key: 'k', ttl: '1m' })),
    Buffer.from(encode({ key: 'k', ttl: 60_000 })).toString('hex'),
  )
  assert.equal(
    await call(json, 'stash.Set', '{"ttl":"soon","tll":1}'),
    'error: rpc: "input" has no "key", expected a text; unknown key "tll" in "input", expected one of key, ttl; "input.ttl": "soon", expected a duration such as 500ms, 60s or 5m',
  )
  assert.equal(await call(json, 'stash.Put', '{}'), 'error: rpc: stash.Put does not take JSON requests')
  assert.equal(
    await call(proto, 'stash.Put', 'x'),
    'error: rpc: the argument is not the protobuf message of this method',
  )
  const audited = rr.lines().filter((line) => line.message === 'control action')
  assert.deepEqual(
    audited.map(({ command }) => command),
    ['stash.Put'],
  )
})

test('a procedure hears that its client has left, and that the server stops', async (t) => {
  const rr = await serve(t)
  const socket = String((await started(rr)).control).replace('unix://', '')
  const givenUp = () => rr.lines().filter((line) => line.message === 'a wait was given up').length
  const wait = encodeFrame(
    rpcParts({ sequence: 1, method: 'stash.Wait', codec: FrameFlag.json, isError: false, data: '' }),
  )
  const leaving = await rawRpc(t, socket)
  leaving.socket.write(wait)
  leaving.socket.end()
  await eventually(() => givenUp() === 1)
  const staying = await rawRpc(t, socket)
  staying.socket.write(wait)
  assert.equal(await (await rawRpc(t, socket)).call('stash.Count'), '0')
  rr.child.kill('SIGTERM')
  await staying.answer(1)
  assert.equal(await rr.ended, 0)
  assert.equal(givenUp(), 2)
})
