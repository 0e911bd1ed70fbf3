import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type HangupSigns, isHangupIgnored } from '../../../cmd/server/hangup.js'
import { EndAsked } from '../../../cmd/server/signals.js'
import { ManualClock } from '../../ipc/manual-clock.js'

for (const [first, second, afterMs, kills] of [
  ['SIGINT', 'SIGINT', 0, false],
  ['SIGINT', 'SIGINT', 1000, false],
  ['SIGINT', 'SIGINT', 1001, true],
  ['SIGHUP', 'SIGHUP', 500, false],
  ['SIGHUP', 'SIGHUP', 1500, true],
  ['SIGTERM', 'SIGTERM', 0, true],
  ['SIGTERM', 'SIGINT', 0, true],
  ['SIGINT', 'SIGTERM', 0, true],
  ['SIGHUP', 'SIGTERM', 0, true],
] as const) {
  test(`${second} ${afterMs} ms after ${first} ${kills ? 'kills at once' : 'is the same signal'}`, async () => {
    const clock = new ManualClock()
    const end = new EndAsked(clock)
    let killCount = 0
    end.onSecond(() => {
      killCount += 1
    })
    end.take(first)
    assert.equal(await end.asked, 'asked')
    assert.equal(end.signal, first)
    clock.advance(afterMs)
    end.take(second)
    assert.equal(killCount, kills ? 1 : 0)
  })
}

test('a third signal counts from the first: who keeps pressing the key is heard after a second', () => {
  const clock = new ManualClock()
  const end = new EndAsked(clock)
  let killCount = 0
  end.onSecond(() => {
    killCount += 1
  })
  for (const afterMs of [0, 400, 400, 400]) {
    clock.advance(afterMs)
    end.take('SIGINT')
  }
  assert.equal(killCount, 1)
})

test('a second signal that came before anybody listened for it is not lost', () => {
  const end = new EndAsked(new ManualClock())
  end.take('SIGTERM')
  end.take('SIGTERM')
  let killCount = 0
  end.onSecond(() => {
    killCount += 1
  })
  assert.equal(killCount, 1)
})

test('a signal after a stop over RPC insists', () => {
  const end = new EndAsked(new ManualClock())
  let killCount = 0
  end.onSecond(() => {
    killCount += 1
  })
  end.ask()
  end.ask()
  assert.equal(killCount, 0)
  end.take('SIGTERM')
  assert.equal(killCount, 1)
})

const noSigns: HangupSigns = {
  told: undefined,
  isNamedByShell: false,
  isIgnoredByParent: false,
  isInputUnreadable: false,
  isDetached: false,
}
for (const [name, signs, isIgnored] of [
  ['nothing speaks for it', {}, false],
  ['a shell saw that it is ignored', { told: 'ignored' }, true],
  ['a shell saw that it is not, whatever the signs', { told: 'default', isDetached: true }, false],
  ['our parent ignores it', { isIgnoredByParent: true }, true],
  ['the shell named nohup', { isNamedByShell: true }, true],
  ['standard input is as nohup leaves it', { isInputUnreadable: true }, true],
  ['there is a terminal and none of our descriptors is it', { isDetached: true }, true],
] as const) {
  test(`SIGHUP is ${isIgnored ? '' : 'not '}ignored when ${name}`, () => {
    assert.equal(isHangupIgnored({ ...noSigns, ...signs }), isIgnored)
  })
}
