/** What is said of servers of other users. */
import assert from 'node:assert/strict'
import { chownSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { otherUsers } from '../../../cmd/remote/other-users.js'
import { testFolder } from '../../helpers/rr.js'
import { notRoot } from '../../helpers/users.js'

const passwd = 'root:x:0:0:root:/root:/bin/sh\nada:x:4001:4001::/home/ada:/bin/sh\n'

test('only the own user is named where no other has had a server', async (t) => {
  const root = await testFolder(t)
  assert.equal(otherUsers(4001, { root, passwd }), 'Only servers of this user (ada, uid 4001) are seen.')
  assert.equal(otherUsers(4002, { root, passwd }), 'Only servers of this user (uid 4002) are seen.')
})

test('a folder of another user is named, one that only has such a name is not', {
  skip: notRoot,
}, async (t) => {
  const root = await testFolder(t)
  for (const uid of [0, 4001, 4003]) {
    mkdirSync(join(root, `rr-${uid}`))
    chownSync(join(root, `rr-${uid}`), uid, uid)
  }
  mkdirSync(join(root, 'rr-4009'))
  const text = otherUsers(4001, { root, passwd })
  assert.match(
    text,
    /are seen; there is \S+\/rr-0 of root, uid 0, \S+\/rr-4003 of uid 4003: try `sudo -u root rr …`\.$/,
  )
  assert.doesNotMatch(text, /4009/)
})
