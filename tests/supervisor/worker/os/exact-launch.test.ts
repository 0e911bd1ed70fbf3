/** A worker's environment is exactly the one that it is meant to have, whatever the names and the system's shell. */
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { type TestContext, test } from 'node:test'
import type { PoolConfig } from '../../../../src/supervisor/pool/keys.js'
import { namesLostInShell, needsExactLaunch } from '../../../../src/supervisor/worker/os/exact-launch.js'
import { job, startPool, textOf } from '../../../helpers/pool.js'
import { notRoot, openFixture, plainUser } from '../../../helpers/users.js'

const secret = 'the-value-of-a-secret'
const odd = {
  'spring.datasource.url': 'jdbc:x',
  'x-y': '1',
  '9LIVES': '9',
  'BASH_FUNC_f%%': '() { :; }',
  'a b': 'blank',
  ü: 'ö',
  IFS: ',',
  OPTIND: '7',
  OPTARG: 'a',
  PPID: '1',
  LINENO: '12',
  PS1: '$ ',
  PS4: '+$(id)',
  ENV: '/etc/hostname',
  PWD: '/nowhere',
  OLDPWD: '/nowhere/else',
  SHLVL: '3',
  _: '/usr/bin/env',
  RANDOM: '4',
  NEWLINES: 'a\nb\n',
  EQUALS: '=a=b=',
  EMPTY: '',
  'with.newline': `${secret}\nTWO=2`,
}

async function environmentOf(
  t: TestContext,
  env: Readonly<Record<string, string>>,
  config: Partial<PoolConfig>,
) {
  const command = await openFixture(t, 'tells-process')
  const { pool, log } = await startPool(t, command, { env, config })
  const told: { env: Record<string, string>; oomScoreAdj: number; mode: string } = JSON.parse(
    textOf(await pool.run(job('?'))),
  )
  return { told, log }
}

const chosen = (env: Readonly<Record<string, string>>, names: object) =>
  Object.fromEntries(Object.keys(names).map((name) => [name, env[name]]))

test('every variable reaches a worker as it is', async (t) => {
  const { told } = await environmentOf(t, odd, {})
  assert.deepEqual(chosen(told.env, odd), odd)
})

test('each odd variable alone reaches a worker, too', async (t) => {
  for (const name of ['IFS', 'PWD', 'x-y', 'PPID'] as const) {
    const one = { [name]: odd[name] }
    const { told } = await environmentOf(t, one, {})
    assert.deepEqual(chosen(told.env, one), one)
  }
})

test('what a shell sets anew is set back by the launcher, and nothing is left of the way there', async (t) => {
  const common = {
    PWD: '/elsewhere than here',
    OLDPWD: '/nowhere',
    IFS: ',;\n$(id)`id`"',
    OPTIND: '7',
    PS1: '$(id)',
    PS2: '',
    PS4: '\'+"',
    SHLVL: '3',
    RELAYRUNNER_KEPT: 'as it is',
  }
  assert.ok(!needsExactLaunch(common))
  const { told } = await environmentOf(t, common, {})
  assert.deepEqual(chosen(told.env, common), common)
  const own = Object.keys(told.env).filter((name) => /^RELAYRUNNER_(CARRIED|NAME)/.test(name))
  assert.deepEqual(own, [])
})

test('umask and oom_score_adj are set beside such variables, too', async (t) => {
  const { told } = await environmentOf(t, { 'x-y': '1' }, { umask: '0027', oom_score_adj: 731 })
  assert.deepEqual([told.env['x-y'], told.mode, told.oomScoreAdj], ['1', '640', 731])
})

test('another user’s worker has them, too', { skip: notRoot }, async (t) => {
  const { told } = await environmentOf(t, odd, { user: plainUser().name })
  assert.deepEqual(chosen(told.env, odd), odd)
})

test('no value is ever on a command line', async (t) => {
  const seen: string[] = []
  let isOver = false
  const sample = () => {
    for (const pid of readdirSync('/proc').filter((one) => /^\d+$/.test(one))) {
      try {
        const words = readFileSync(`/proc/${pid}/cmdline`, 'utf8')
        if (words.includes(secret)) seen.push(words)
      } catch {
        // It has ended meanwhile.
      }
    }
    if (!isOver) setImmediate(sample)
  }
  sample()
  for (let round = 0; round < 3; round += 1) await environmentOf(t, odd, {})
  isOver = true
  assert.deepEqual(seen, [])
})

test('a shell would lose names that are not identifiers, and its own variables', () => {
  const env = {
    PATH: '',
    A_1: '',
    'x-y': '',
    PPID: '',
    'a.b': '',
    '': '',
    OPTIND: 'x',
    OPTION: '',
    IFS: ',',
    PS4: '',
  }
  assert.deepEqual(namesLostInShell(env), ['x-y', 'PPID', 'a.b', '', 'OPTIND'])
})
