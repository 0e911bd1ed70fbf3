/** Tests which methods plugins may register, which names clients find, and which facts of a caller reach the log. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ErrorCode, hasCode } from '../../../src/core/errors.js'
import { claimedIdentity } from '../../../src/supervisor/rpc/audit.js'
import { RpcTable } from '../../../src/supervisor/rpc/table.js'

const call = { signal: new AbortController().signal }

class Inherited {
  Shown = { call: () => 'own' }
  Hidden() {
    return 'inherited'
  }
}

test('a method is found by its full name, and gone when its plugin takes it back', () => {
  const table = new RpcTable()
  const remove = table.register('app', { Ping: { call: (input: unknown) => ['pong', input] } })
  assert.deepEqual(table.find('app.Ping').procedure.call(1, call), ['pong', 1])
  remove()
  assert.throws(() => table.find('app.Ping'), /can't find service app\.Ping/)
  const again = table.register('app', { Ping: { call: () => 2 } })
  remove()
  assert.equal(table.find('app.Ping').procedure.call(1, call), 2)
  again()
})

test('what is not there is told in RoadRunner’s words, whatever the name', () => {
  const table = new RpcTable()
  table.register('app', { Ping: { call: () => 'pong' } })
  table.register('shown', { ...new Inherited() })
  const names: readonly [name: string, text: string][] = [
    ['Ping', 'rpc: service/method request ill-formed: Ping'],
    ['', 'rpc: service/method request ill-formed: '],
    ['app.', "rpc: can't find method app."],
    ['.Ping', "rpc: can't find service .Ping"],
    ['none.Ping', "rpc: can't find service none.Ping"],
    ['app.Pong', "rpc: can't find method app.Pong"],
    ['app.ping', "rpc: can't find method app.ping"],
    ['app.__proto__', "rpc: can't find method app.__proto__"],
    ['app.constructor', "rpc: can't find method app.constructor"],
    ['app.hasOwnProperty', "rpc: can't find method app.hasOwnProperty"],
    ['app.toString', "rpc: can't find method app.toString"],
    ['__proto__.toString', "rpc: can't find service __proto__.toString"],
    ['constructor.name', "rpc: can't find service constructor.name"],
    ['app.Ping.call', "rpc: can't find service app.Ping.call"],
    ['shown.Hidden', "rpc: can't find method shown.Hidden"],
    ['app.Ping\u0000', "rpc: can't find method app.Ping\u0000"],
  ]
  for (const [name, message] of names) assert.throws(() => table.find(name), { message }, name)
})

test('a wrong registration is refused when it is made', () => {
  const run = { call: () => 1 }
  const message = { read: () => 1, write: () => 1 }
  const wrong: readonly [service: unknown, procedures: unknown][] = [
    ['', { Ping: run }],
    ['a b', { Ping: run }],
    ['a\n', { Ping: run }],
    ['x'.repeat(65), { Ping: run }],
    [7, { Ping: run }],
    [undefined, { Ping: run }],
    ['app', {}],
    ['app', undefined],
    ['app', null],
    ['app', { Ping: 1 }],
    ['app', { Ping: undefined }],
    ['app', { 'A B': run }],
    ['app', { '': run }],
    ['app', { 'a.b': run }],
    ['app', Object.create({ Ping: run })],
    ['app', 'Ping'],
    ['app', { Ping: () => 1 }],
    ['app', { Ping: { call: 1 } }],
    ['app', { Ping: { ...run, request: message } }],
    ['app', { Ping: { ...run, reply: message } }],
    ['app', { Ping: { ...run, request: message, reply: { read: () => 1 } } }],
    ['app', { Ping: { ...run, request: null, reply: message } }],
    ['app', { Ping: { ...run, raw: 'yes' } }],
    ['app', { Ping: { ...run, audited: 1 } }],
    ['app', { Ping: { ...run, input: { key: { type: 'string' } } } }],
  ]
  for (const [service, procedures] of wrong) {
    const register = () => new RpcTable().register(service as string, procedures)
    assert.throws(register, (error) => hasCode(error, ErrorCode.PluginApi), String(service))
  }
  const table = new RpcTable()
  table.register('app', { Ping: run })
  assert.throws(() => table.register('app', { Pong: run }), { code: ErrorCode.PluginDuplicate })
})

test('a removed procedure aborts its running calls', () => {
  const table = new RpcTable()
  const remove = table.register('app', { Wait: { call: () => new Promise(() => undefined) } })
  const running = new AbortController()
  table.find('app.Wait').running.add(running)
  remove()
  assert.ok(running.signal.aborted)
})

test('what a client claims to be is cut and cleaned, and whatever is not a pid or name is left out', () => {
  const nobody = { pid: undefined, user: undefined }
  const claims: readonly [argument: unknown, claimed: unknown][] = [
    [
      { pid: 7, user: 'ann' },
      { pid: 7, user: 'ann' },
    ],
    [{ pid: 7.5, user: '' }, nobody],
    [{ pid: '7', user: 7 }, nobody],
    [{ pid: -1 }, nobody],
    [{ pid: 2 ** 31 }, nobody],
    [{ user: '\u001b[31mroot\u202e\n' }, { pid: undefined, user: '?[31mroot??' }],
    [{ user: 'x'.repeat(10_000) }, { pid: undefined, user: 'x'.repeat(64) }],
    [JSON.parse('{"__proto__":{"pid":7,"user":"ann"}}'), nobody],
    [null, nobody],
    ['text', nobody],
    [[1, 2], nobody],
    [undefined, nobody],
  ]
  for (const [argument, claimed] of claims) assert.deepEqual(claimedIdentity(argument), claimed)
})
