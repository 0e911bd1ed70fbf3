import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type PlayedApi, playApi } from '../../../helpers/api-client.js'
import { eventually } from '../../../helpers/wait.js'

const extension = '/2020-01-01/extension'
const event = Buffer.from('1')

async function register(api: PlayedApi, name: string, body = '{"events":[]}'): Promise<string> {
  const { headers, status } = await api.post(`${extension}/register`, {
    headers: { 'Lambda-Extension-Name': name },
    body,
  })
  assert.equal(status, 200)
  return String(headers['lambda-extension-identifier'])
}

async function refusalOf(
  api: PlayedApi,
  name: string | undefined,
  body: string,
): Promise<string | undefined> {
  const headers = name === undefined ? {} : { 'Lambda-Extension-Name': name }
  const { status, errorType } = await api.post(`${extension}/register`, { headers, body })
  assert.equal(status, 403)
  return errorType
}

test('a registered extension is told of its function', async (t) => {
  const api = await playApi(t, { functionName: 'f', handler: 'index.handler' })
  const { body } = await api.post(`${extension}/register`, {
    headers: { 'Lambda-Extension-Name': 'a', 'Lambda-Extension-Accept-Feature': 'accountId' },
  })
  const facts = { functionName: 'f', functionVersion: '$LATEST', handler: 'index.handler' }
  assert.deepEqual(JSON.parse(body), { ...facts, accountId: '123456789012' })
})

test('registrations that break a rule are refused, each by its name', async (t) => {
  const api = await playApi(t, { externals: ['outside'] })
  await register(api, 'taken')
  assert.equal(await refusalOf(api, undefined, '{"events":[]}'), 'Extension.InvalidExtensionName')
  assert.equal(await refusalOf(api, 'taken', ''), 'Extension.InvalidExtensionName')
  assert.equal(await refusalOf(api, 'a', '{"events":["TEA"]}'), 'Extension.InvalidEventType')
  assert.equal(await refusalOf(api, 'a', 'no JSON'), 'Extension.InvalidRequestFormat')
  assert.equal(
    await refusalOf(api, 'a', '{"events":["SHUTDOWN"]}'),
    'ShutdownEventNotSupportedForInternalExtension',
  )
  await register(api, 'outside', '{"events":["SHUTDOWN"]}')
  for (let n = 2; n < 10; n += 1) await register(api, `n${n}`)
  assert.equal(await refusalOf(api, 'one more', ''), 'Extension.TooManyExtensions')
})

test('registration is closed once the runtime has asked for its first event', async (t) => {
  const api = await playApi(t)
  void api.server.invoke(event)
  await api.next()
  assert.equal(await refusalOf(api, 'late', ''), 'Extension.RegistrationClosed')
})

test('an identifier that is missing or unknown is refused', async (t) => {
  const api = await playApi(t)
  const path = `${extension}/event/next`
  assert.equal((await api.get(path)).errorType, 'Extension.MissingExtensionIdentifier')
  const unknown = await api.get(path, { 'Lambda-Extension-Identifier': 'who' })
  assert.equal(unknown.errorType, 'Extension.UnknownExtensionIdentifier')
})

test('no event is handed out before every registered extension has asked for its own', async (t) => {
  const api = await playApi(t)
  const identifier = await register(api, 'slow')
  const result = api.server.invoke(event)
  const handed = api.next()
  await eventually(() => api.server.state.isIdle)
  assert.ok(api.server.state.hasWaiting)
  api.get(`${extension}/event/next`, { 'Lambda-Extension-Identifier': identifier }).catch(() => undefined)
  await api.answer(await handed, 'response', { body: '1' })
  assert.equal((await result).kind, 'result')
})

test('an extension that asked for INVOKE is told of each event, and holds up the next until it asks again', async (t) => {
  const api = await playApi(t)
  const identifier = await register(api, 'curious', '{"events":["INVOKE"]}')
  const ask = () => api.get(`${extension}/event/next`, { 'Lambda-Extension-Identifier': identifier })
  const told = ask()
  void api.server.invoke(event)
  const id = await api.next()
  const { headers, body } = await told
  assert.ok(headers['lambda-extension-event-identifier'])
  const { eventType, requestId, tracing } = JSON.parse(body)
  assert.deepEqual([eventType, requestId, tracing.type], ['INVOKE', id, 'X-Amzn-Trace-Id'])
  await api.answer(id, 'response', { body: '1' })
  void api.server.invoke(event)
  const second = api.next()
  await eventually(() => api.server.state.isIdle)
  assert.ok(api.server.state.hasWaiting)
  ask().catch(() => undefined)
  assert.notEqual(await second, id)
})

test('an extension reports its error once, and not as an init error after it has asked for events', async (t) => {
  const faults: string[] = []
  const environment = {
    mayHandOut: () => true,
    isInitRepeated: () => false,
    onChange: () => undefined,
    onTimeout: async () => undefined,
    onExtensionFault: (type: string) => void faults.push(type),
  }
  const api = await playApi(t, { environment })
  const identifier = await register(api, 'weak')
  const fail = (call: string, type?: string) => {
    const typed = type === undefined ? {} : { 'Lambda-Extension-Function-Error-Type': type }
    const headers = { 'Lambda-Extension-Identifier': identifier, ...typed }
    return api.post(`${extension}/${call}/error`, { headers, body: '{}' })
  }
  assert.equal((await fail('init')).errorType, 'Extension.MissingHeader')
  api.get(`${extension}/event/next`, { 'Lambda-Extension-Identifier': identifier }).catch(() => undefined)
  await eventually(() => api.server.extensions.areAtRest)
  assert.equal((await fail('init', 'Extension.Weak')).errorType, 'Extension.InvalidExtensionState')
  assert.equal((await fail('exit', 'Extension.Weak')).status, 202)
  assert.equal((await fail('exit', 'Extension.Weak')).errorType, 'Extension.InvalidExtensionState')
  assert.deepEqual(faults, ['Extension.ExitError'])
})

test('where extensions are switched off their paths are 404', async (t) => {
  const api = await playApi(t, { hasExtensions: false })
  assert.equal((await api.post(`${extension}/register`)).status, 404)
  assert.equal((await api.get(`${extension}/event/next`)).status, 404)
})
