import assert from 'node:assert/strict'
import { test } from 'node:test'
import { systemClock } from '../../../src/core/clock.js'
import { DashboardSessions, sessionMsMax } from '../../../src/plugins/dashboard/sessions.js'

function sessionsAt(token: string) {
  const time = { ms: 0 }
  const sessions = new DashboardSessions({ clock: { ...systemClock, monotonicMs: () => time.ms }, token })
  const login = (given: string) => {
    const result = sessions.login(given)
    return 'session' in result ? result.session : ''
  }
  return { time, sessions, login }
}

test('a token logs in as often as it is given, the code of a link once, an empty text never', () => {
  const { sessions, login } = sessionsAt('the token of the file')
  assert.ok(sessions.has(login('the token of the file')))
  assert.ok(sessions.has(login('the token of the file')))
  const code = sessions.makeCode()
  assert.ok(sessions.has(login(code)))
  assert.deepEqual(sessions.login(code), { refused: 'wrong' })
  assert.deepEqual(sessionsAt('').sessions.login(''), { refused: 'wrong' })
  assert.equal(sessions.has(''), false)
})

test('a session ends by a logout and after its time', () => {
  const { time, sessions, login } = sessionsAt('the token of the file')
  const [first, second] = [login('the token of the file'), login('the token of the file')]
  sessions.end(first)
  assert.deepEqual([sessions.has(first), sessions.has(second)], [false, true])
  time.ms = sessionMsMax
  assert.equal(sessions.has(second), false)
})

test('after ten wrong logins none is looked at for a minute, not even a right one', () => {
  const { time, sessions, login } = sessionsAt('the token of the file')
  for (let n = 0; n < 10; n += 1) assert.equal(login('guess'), '')
  assert.deepEqual(sessions.login('the token of the file'), { refused: 'too many' })
  time.ms = 60_000
  assert.ok(sessions.has(login('the token of the file')))
})
